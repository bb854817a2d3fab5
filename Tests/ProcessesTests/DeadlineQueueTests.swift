import Testing

@testable import Processes

/// The heap gives back in order whatever came in.
struct DeadlineQueueTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func entriesComeOutInOrder(seed: UInt64) {
        var state = seed
        var queue = DeadlineQueue()
        var dues: [Int64] = []
        for serial in 0..<500 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let due = Int64(state >> 40)
            dues.append(due)
            queue.insert(.init(dueNanoseconds: due, slot: 0, serial: UInt64(serial), kind: .timeout))
        }
        queue.keep { $0.serial % 2 == 0 }
        #expect(queue.popDue(at: -1) == nil)
        var out: [Int64] = []
        while let entry = queue.popDue(at: .max) { out.append(entry.dueNanoseconds) }
        #expect(out == dues.enumerated().filter { $0.offset % 2 == 0 }.map(\.element).sorted())
    }
}
