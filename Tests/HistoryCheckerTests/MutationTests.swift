import HistoryChecking
import Testing

/// A checker that never failed is not to be trusted: each invariant turns red, alone, when a good history is
/// spoilt.
struct MutationTests {
    @Test func aGoodHistoryIsGreen() throws {
        for verdict in try Golden.history().verdicts() {
            #expect(verdict.state == .green, "\(verdict.id): \(verdict.findings)")
        }
    }

    @Test(arguments: Mutation.all)
    func exactlyOneInvariantTurnsRed(mutation: Mutation) throws {
        var golden = Golden.history()
        try mutation.spoil(&golden)
        let verdicts = try golden.verdicts()
        let red = verdicts.filter { $0.state == .violated }
        #expect(red.map(\.id) == [mutation.red], "\(red.map { "\($0.id): \($0.findings)" })")
        #expect(red.allSatisfy { !$0.findings.isEmpty && $0.findings.allSatisfy { !$0.witness.isEmpty } })
        #expect(Judge.exitCode(verdicts) == 1)
    }

    @Test func everyInvariantHasAMutation() {
        #expect(Set(Mutation.all.map(\.red)) == Set(Invariant.all.map(\.id)))
    }
}
