import Node
import Scheduling
import Synchronization
import Testing

@Suite struct EventFanoutTests {
    /// A mirror's stream that the test feeds, anew for each subscription.
    final class Upstream: Sendable {
        private let entries = Mutex<[AsyncStream<MirrorEvent>.Continuation]>([])
        /// One element for each subscription that has ended.
        let ends: AsyncStream<Void>
        private let ended: AsyncStream<Void>.Continuation

        init() { (ends, ended) = AsyncStream<Void>.makeStream() }

        var count: Int { entries.withLock { $0.count } }

        func subscribe() -> AsyncStream<MirrorEvent> {
            let (events, entry) = AsyncStream<MirrorEvent>.makeStream()
            entry.onTermination = { [ended] _ in ended.yield() }
            entries.withLock { $0.append(entry) }
            return events
        }

        func send(_ number: Int) {
            let entry = entries.withLock { $0.last }
            entry?.yield(MirrorEvent(id: String(number), topic: "run", data: "{}"))
        }

        func close() {
            let entry = entries.withLock { $0.last }
            entry?.finish()
        }
    }

    @Test func viewersShareOneSubscription() async throws {
        let (upstream, fanout) = (Upstream(), EventFanout())
        var first = fanout.events { upstream.subscribe() }.makeAsyncIterator()
        upstream.send(1)
        #expect(await first.next(isolation: #isolation)?.id == "1")
        var second = fanout.events { upstream.subscribe() }.makeAsyncIterator()
        for number in 2...5 {
            upstream.send(number)
            #expect(await first.next(isolation: #isolation)?.id == String(number))
            #expect(await second.next(isolation: #isolation)?.id == String(number))
        }
        #expect(upstream.count == 1)
    }

    @Test func subscriptionEndsWithTheLastViewerAndBeginsAgainWithTheNext() async throws {
        let (upstream, fanout) = (Upstream(), EventFanout())
        var ends = upstream.ends.makeAsyncIterator()
        for round in 1...3 {
            do {
                let (first, second) = (
                    fanout.events { upstream.subscribe() }, fanout.events { upstream.subscribe() }
                )
                upstream.send(round)
                for await event in first {
                    #expect(event.id == String(round))
                    break
                }
                for await event in second {
                    #expect(event.id == String(round))
                    break
                }
            }
            #expect(await ends.next(isolation: #isolation) != nil)
            #expect(upstream.count == round)
        }
    }

    @Test func slowViewerIsEndedAfterItsBoundAndTheOthersGoOn() async throws {
        let (upstream, fanout) = (Upstream(), EventFanout())
        let slow = fanout.events { upstream.subscribe() }
        var fast = fanout.events { upstream.subscribe() }.makeAsyncIterator()
        let total = EventFanout.bound + 10
        for number in 1...total {
            upstream.send(number)
            #expect(await fast.next(isolation: #isolation)?.id == String(number))
        }
        var received: [String] = []
        for await event in slow { received.append(event.id) }
        #expect(received == (1...EventFanout.bound).map { String($0) })
        #expect(upstream.count == 1)
    }

    @Test func endOfTheMirrorEndsAllAndTheNextViewerSubscribesAgain() async throws {
        let (upstream, fanout) = (Upstream(), EventFanout())
        var viewers = (0..<3).map { _ in fanout.events { upstream.subscribe() }.makeAsyncIterator() }
        upstream.send(1)
        upstream.close()
        for index in viewers.indices {
            #expect(await viewers[index].next(isolation: #isolation)?.id == "1")
            #expect(await viewers[index].next(isolation: #isolation) == nil)
        }
        var next = fanout.events { upstream.subscribe() }.makeAsyncIterator()
        upstream.send(2)
        #expect(await next.next(isolation: #isolation)?.id == "2")
        #expect(upstream.count == 2)
    }
}
