import Testing

@testable import Redis

struct ConnectionBackoffTests {
    private let now = ContinuousClock.now
    private let error = RedisError(.io, "refused")

    @Test func theWaitDoublesUpToTheLongest() {
        var backoff = ConnectionBackoff(first: .milliseconds(100), longest: .seconds(5))
        #expect(backoff.remaining(at: now) == .zero)
        var waits: [Duration] = []
        for _ in 0..<8 {
            backoff.connectFailed(error, at: now, jitter: 0)
            waits.append(backoff.remaining(at: now))
        }
        let milliseconds = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
        #expect(waits == milliseconds.map { .milliseconds($0) })
        #expect(backoff.remaining(at: now + .seconds(2)) == .seconds(3))
        #expect(backoff.remaining(at: now + .seconds(5)) == .zero)
    }

    @Test func manyFailuresDoNotOverflow() {
        var backoff = ConnectionBackoff(first: .milliseconds(100), longest: .seconds(5))
        for _ in 0..<1_000 { backoff.connectFailed(error, at: now, jitter: 0) }
        #expect(backoff.remaining(at: now) == .seconds(5))
    }

    @Test func jitterTakesAtMostHalf() {
        var backoff = ConnectionBackoff(first: .milliseconds(100), longest: .seconds(5))
        backoff.connectFailed(error, at: now, jitter: 1)
        #expect(backoff.remaining(at: now) == .milliseconds(50))
    }

    @Test func successStartsOver() {
        var backoff = ConnectionBackoff(first: .milliseconds(100), longest: .seconds(5))
        for _ in 0..<5 { backoff.connectFailed(error, at: now, jitter: 0) }
        #expect(backoff.lastError == error)
        backoff.connectSucceeded()
        #expect(backoff.lastError == nil)
        #expect(backoff.remaining(at: now) == .zero)
        backoff.connectFailed(error, at: now, jitter: 0)
        #expect(backoff.remaining(at: now) == .milliseconds(100))
    }
}
