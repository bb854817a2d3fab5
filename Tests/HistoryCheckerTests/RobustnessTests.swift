import HistoryChecking
import Testing

struct RobustnessTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// Whatever is taken away, doubled or swapped, there is a verdict or a reason why there is none.
    @Test(arguments: 1...20) func anyHistoryIsJudgedOrRefused(seed: UInt64) throws {
        var random = Generator(state: seed)
        let good = Golden.history()
        for _ in 0..<15 {
            var golden = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0..<6, using: &random) {
                case 0:
                    golden.transactions.remove(at: .random(in: golden.transactions.indices, using: &random))
                case 1: golden.probes.remove(at: .random(in: golden.probes.indices, using: &random))
                case 2: golden.mirror.remove(at: .random(in: golden.mirror.indices, using: &random))
                case 3:
                    golden.client.swapAt(
                        .random(in: golden.client.indices, using: &random),
                        .random(in: golden.client.indices, using: &random)
                    )
                case 4:
                    let index = Int.random(in: golden.transactions.indices, using: &random)
                    let count = golden.transactions[index].operations.count
                    guard count > 0 else { continue }
                    golden.transactions[index].operations.remove(at: .random(in: 0..<count, using: &random))
                default:
                    golden.probes.append(golden.probes[.random(in: golden.probes.indices, using: &random)])
                }
            }
            do {
                let verdicts = try golden.verdicts()
                #expect(verdicts.count == 20)
                #expect(!Judge.table(verdicts, evidence: try golden.evidence()).isEmpty)
                #expect(JSON(text: Judge.json(verdicts)) != nil)
            } catch is UnreadableInput {
                continue  // the spoilt log contradicts itself
            }
        }
    }

    /// Without the recordings an invariant is not judged, and never green.
    @Test func whatIsMissingIsSaid() throws {
        let golden = Golden.history()
        let bare = Judge.verdicts(try Evidence(history: try History(golden.transactions)))
        let notJudged = bare.compactMap { verdict -> String? in
            if case .notJudged = verdict.state { verdict.id } else { nil }
        }
        #expect(
            notJudged == [
                "I2", "I3", "I4", "I5", "I7", "I8", "I9", "I11", "I12", "I13", "I14", "I15", "I17",
            ]
        )
        #expect(Judge.exitCode(bare) == 0)
        #expect(Judge.exitCode(bare, required: ["I1", "I3"]) == 1)
        #expect(Judge.exitCode(bare, required: ["I1", "I6"]) == 0)
        #expect(bare[1].state == .notJudged(missing: "the mark observe-to or quiet in --faults"))
        #expect(bare[2].state == .notJudged(missing: "--probes"))
        #expect(
            Judge.table(bare, evidence: try Evidence(history: try History(golden.transactions))).contains(
                "not judged: --probes"
            )
        )
    }

    /// A file without a line says nothing: it is as if it had not been given.
    @Test func anEmptyFileIsNotGiven() throws {
        var golden = Golden.history()
        golden.probes = []
        golden.client = []
        golden.samples = []
        let notJudged = try golden.verdicts().compactMap { verdict -> String? in
            if case .notJudged = verdict.state { verdict.id } else { nil }
        }
        #expect(notJudged == ["I3", "I4", "I5", "I7", "I8", "I11", "I12", "I13", "I15", "I17"])
    }

    /// Who was taken from a worker is looked at in the end: without the mark there is none.
    @Test func leftoversNeedTheMarkQuiet() throws {
        var golden = Golden.history()
        golden.faults.removeAll { $0["fault"]?.string == "quiet" }
        #expect(try golden.verdicts()[11].state == .notJudged(missing: "the mark quiet in --faults"))
    }

    /// Bounds that nothing was measured for, and measurements without a bound, are no success.
    @Test(arguments: ["fds", "queue_length"]) func boundsWithoutSamplesAreNotJudged(name: String) throws {
        var golden = Golden.history()
        golden.settings = golden.with("bounds", .object([name: .int(1000)]))
        guard case .notJudged = try golden.verdicts()[14].state else {
            Issue.record("judged")
            return
        }
    }

    /// What ended before the mirror was emptied may be gone from it; nothing else may.
    @Test func aFlushExcusesWhatWasBefore() throws {
        var golden = Golden.history()
        golden.flush("start", at: "10:05:30")
        golden.flush("stop", at: "10:07:50")
        golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("run:tick@20261124T100500Z") == true }
        golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("attempts:tick@20261124T100500Z") == true }
        #expect(try golden.red() == [])
        golden.mirror.removeAll { $0["key"]?.string?.hasSuffix("attempts:tick@20261124T100600Z") == true }
        #expect(try golden.red() == ["I14"])
    }

    /// A result that came late is an incident: the record of the loss once more, long after what followed
    /// from it.
    @Test func aRecordThatIsShownAgainChangesNothing() throws {
        var golden = Golden.history()
        let attempts = ["shared@20261124T100425Z.m1~x~0~1", "flow@20261124T100110Z.m1~a~0~1"].compactMap {
            AttemptKey($0)
        }
        let records = golden.transactions.flatMap(\.operations).flatMap { operation -> [JSON] in
            guard case .create(let path, let data, _) = operation, path.contains("/outbox/") else {
                return []
            }
            return Golden.records(data)
        }
        let again = records.filter { record in
            attempts.contains { key in
                record["attempt"]?["run"]?.string == key.unit.run
                    && record["attempt"]?["_1"]?["task"]?.string == key.unit.task
                    && record["attempt"]?["_1"]?["n"]?.int == Int64(key.number)
            }
        }
        #expect(again.count == 2)
        var isFirst = true
        try golden.change("an outbox entry of the last minute") { operation, transaction in
            guard case .create(let path, let data, let isEphemeral) = operation, path.contains("/outbox/"),
                transaction.time > Golden.at("10:06:30"), isFirst
            else { return operation }
            isFirst = false
            let all = Golden.records(data) + again + again + again + again
            return .create(path: path, data: Golden.outbox(data, all), isEphemeral: isEphemeral)
        }
        golden.mirrorAttempts()
        #expect(try golden.red() == [])
    }

    /// What was lost before its start had no effect: it may run again without a person, and also where it is to
    /// fail.
    @Test(arguments: [true, false]) func aLossBeforeTheStartIsNone(isToFail: Bool) throws {
        var golden = Golden.history()
        let run = "held@20261124T100610Z.m1"
        let attempt = "\(run)~x~0~1"
        try golden.rewrite("/queue/command/", run, "shared@20261124T100425Z.m1")
        if isToFail { try golden.rewrite("/held@1", #""on_lost":"hold""#, #""on_lost":"fail""#) }
        #expect(try golden.red() == ["I4"])
        try golden.change("the start") { operation, _ in
            switch operation {
            case .set(let path, _, _) where path.hasSuffix(attempt): nil
            case .create(let path, _, _) where path.contains("\(attempt).started"): nil
            case .delete(let path) where path.contains("\(attempt).started"): nil
            default: operation
            }
        }
        golden.probes.removeAll { $0["run"]?.string == run && $0["attempt"]?.int == 1 }
        #expect(try golden.red() == [])
    }

    /// A contradiction is one, whatever else is missing.
    @Test func aViolationNeedsNoOtherRecording() throws {
        var golden = Golden.history()
        try golden.changeProbes("safe@20261124T100425Z.m1~x~0~1", "beat") {
            $0["monotonic_ns"] = .int(Golden.at("10:04:40") * 1_000_000)
        }
        let lines = golden.probes.enumerated().map {
            Line(json: $0.element, place: "probes:\($0.offset + 1)")
        }
        let verdicts = Judge.verdicts(try Evidence(history: try History(golden.transactions), probes: lines))
        #expect(verdicts.filter { $0.state == .violated }.map(\.id) == ["I3"])
        #expect(verdicts[2].findings.first?.witness.allSatisfy { $0.contains("probes:") } == true)
    }

    /// What cannot happen is "nothing to judge", not a success.
    @Test func nothingToLookAtIsNotGreen() throws {
        var golden = Golden.history()
        try golden.rewrite("/safe@1", #""exclusive":true"#, #""exclusive":false"#)
        let lease = try golden.verdicts()[10]
        #expect(lease.state == .notJudged(missing: "no exclusive attempt with a probe in the history"))
    }

    @Test func aCutLineIsLeftOutAndABrokenOneIsAnError() throws {
        #expect(
            try Lines.parse(Array("{\"a\":1}\n\n{\"b\":2}\n{\"c\"".utf8), name: "f").map(\.place) == [
                "f:1", "f:3",
            ]
        )
        #expect(throws: UnreadableInput.self) {
            try Lines.parse(Array("{\"a\":1}\nbroken\n".utf8), name: "f")
        }
        #expect(throws: UnreadableInput.self) { try Lines.parse(Array("[1]\n".utf8), name: "f") }
    }

    @Test func aClientWithTwoRequestsAtOnceIsAnError() {
        let golden = Golden.history()
        let line = Line(json: golden.client[0], place: "client:1")
        #expect(throws: UnreadableInput.self) { try ClientLog.calls([line, line]) }
    }

    /// A slip of the pen must not make anything green.
    @Test(arguments: [
        #"{"settle_ms":9223372036854775807}"#, #"{"settle_ms":-1}"#, #"{"settle_ms":"2000"}"#,
        #"{"tolerance_ms":3600000}"#, #"{"tolerance":200}"#, #"{"live_workers":"worker-1"}"#,
        #"{"live_workers":[1]}"#, #"{"slots":"8"}"#, #"{"slots":{"worker-1":"8"}}"#,
        #"{"bounds":{"fds":"10"}}"#,
        #"{"bounds":[]}"#, #"{"bounds_by_role":{"node":10}}"#, #"{"slopes_by_role":{"node":{"fds":true}}}"#,
        "[]",
    ])
    func aSettingThatIsNoneIsAnError(text: String) throws {
        let json = try #require(JSON(text: text))
        #expect(throws: UnreadableInput.self) { try JudgeSettings(json) }
    }

    @Test func anUnknownEventOfAProbeIsAnError() throws {
        var golden = Golden.history()
        try golden.changeProbes("bad@20261124T100120Z.m1~x~0~1", "start") { $0["event"] = "stort" }
        #expect(throws: UnreadableInput.self) { try golden.evidence() }
    }
}
