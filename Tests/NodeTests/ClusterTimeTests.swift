import Scheduling
import Synchronization
import Testing

@testable import Node

/// All nodes decide by the store's wall clock, whatever their own says.
@Suite struct ClusterTimeTests {
    /// A machine whose two clocks the test moves.
    private final class Machine: Sendable {
        let clocks = Mutex((wall: WallTime(milliseconds: 1_000_000), instant: ContinuousClock.now))

        var time: NodeTime {
            NodeTime(
                now: { self.clocks.withLock { $0.wall } },
                instant: { self.clocks.withLock { $0.instant } },
                // Nothing waits here.
                sleep: { _ in },
                draw: { 0 }
            )
        }

        func pass(milliseconds: Int64) {
            clocks.withLock {
                $0.wall = WallTime(milliseconds: $0.wall.milliseconds + milliseconds)
                $0.instant += .milliseconds(milliseconds)
            }
        }

        func step(milliseconds: Int64) {
            clocks.withLock { $0.wall = WallTime(milliseconds: $0.wall.milliseconds + milliseconds) }
        }
    }

    private let machine = Machine()
    private let context = NodeContext()

    /// A write that takes `trip`, and to which the store gives the time `stored` halfway.
    private func read(stored: Int64, trip: Int64 = 10) {
        let sent = machine.time.instant()
        machine.pass(milliseconds: trip)
        let reading = ClockReading(stored: WallTime(milliseconds: stored), sent: sent, time: machine.time)
        context.set(clock: reading)
    }

    private var now: Int64 { context.clusterTime(machine.time).now().milliseconds }

    @Test func ownClockCountsUntilTheStoresIsKnown() {
        #expect(now == 1_000_000)
        machine.step(milliseconds: -500)
        #expect(now == 999_500)
    }

    @Test(arguments: [-3_600_000, -2_001, -6, 0, 6, 2_001, 3_600_000] as [Int64])
    func storesClockCountsOnceKnown(offset: Int64) {
        let store = 1_000_005 - offset
        read(stored: store)
        // What the way there and back may explain is no offset.
        let expected = abs(offset) > 10 ? store + 5 : 1_000_010
        #expect(now == expected)
        machine.pass(milliseconds: 700)
        #expect(now == expected + 700)
        #expect((context.firingHold == nil) == (abs(offset) <= 2_000))
    }

    @Test(arguments: [-3_600_000, 3_600_000] as [Int64])
    func clockThatIsSetChangesNothing(step: Int64) {
        read(stored: 1_000_005)
        machine.step(milliseconds: step)
        machine.pass(milliseconds: 40)
        #expect(now == 1_000_050)
        #expect(context.firingHold != nil)
    }

    /// A node that stood still between its write and the answer does not forget what it knew.
    @Test func longTripTellsLessThanWhatIsKnown() {
        read(stored: 4_600_005)
        #expect(now == 4_600_010)
        read(stored: 4_600_020, trip: 5_000_000)
        #expect(now == 4_600_010 + 5_000_000)
        read(stored: 9_600_100, trip: 20)
        #expect(now == 9_600_110)
    }
}
