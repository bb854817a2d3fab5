import Testing
@testable import ZooKeeper

@Suite struct LibraryLogTests {
    @Test func linesBeyondTheBoundAreCounted() {
        var limiter = LibraryLog.Limiter(linesPerSecond: 2)
        let start = ContinuousClock.now
        #expect(limiter.admit(at: start) == 0)
        #expect(limiter.admit(at: start + .milliseconds(1)) == 0)
        for millisecond in 2..<50 { #expect(limiter.admit(at: start + .milliseconds(millisecond)) == nil) }
        #expect(limiter.admit(at: start + .seconds(1)) == 48)
        #expect(limiter.admit(at: start + .milliseconds(1001)) == 0)
        #expect(limiter.admit(at: start + .milliseconds(1002)) == nil)
    }
}
