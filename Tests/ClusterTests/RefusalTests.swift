import Foundation
import Testing

extension ClusterSuite {
    @Suite struct RefusalTests {
        struct Mistake: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var body: String
            var type = "application/yaml"
            var status = 422
            var code: String
            /// Line and column; nil where the mistake has no place in the file.
            var place: [Int]?
        }

        static let mistakes: [Mistake] = [
            Mistake(
                testDescription: "unknown key",
                body: "version: 1\nname: bad\ntasks:\n  - id: a\n    run: echo\n    retires: 3\n",
                code: "E1203",
                place: [6, 5]
            ),
            Mistake(
                testDescription: "cycle",
                body:
                    "version: 1\nname: bad\ntasks:\n  - {id: a, run: echo, needs: [b]}\n  - {id: b, run: echo, needs: [a]}\n",
                code: "E1306",
                place: [4, 32]
            ),
            Mistake(
                testDescription: "missing task",
                body: "version: 1\nname: bad\ntasks:\n  - {id: a, run: echo, needs: [b]}\n",
                code: "E1304",
                place: [4, 32]
            ),
            Mistake(
                testDescription: "bad cron",
                body:
                    "version: 1\nname: bad\nschedule: {cron: \"61 * * * *\", zone: UTC}\ntasks: [{id: a, run: echo}]\n",
                code: "E1401",
                place: [3, 19]
            ),
            Mistake(
                testDescription: "bad zone",
                body:
                    "version: 1\nname: bad\nschedule: {cron: \"1 * * * *\", zone: Asia/Shanghay}\ntasks: [{id: a, run: echo}]\n",
                code: "E1403",
                place: [3, 37]
            ),
            Mistake(
                testDescription: "emoji in the name",
                body: "version: 1\nname: \"bad\u{1F600}\"\ntasks: [{id: a, run: echo}]\n",
                code: "E1301",
                place: [2, 11]
            ),
            Mistake(
                testDescription: "unknown upstream",
                body: "version: 1\nname: bad\nafter: [nobody]\ntasks: [{id: a, run: echo}]\n",
                code: "E2014"
            ),
            Mistake(
                testDescription: "wrong JSON",
                body: "{\"version\": 1,\n \"name\": \"bad\",\n \"tasks\": [}",
                type: "application/json",
                status: 400,
                code: "E1004",
                place: [3, 12]
            ),
            Mistake(
                testDescription: "2 MiB",
                body:
                    "version: 1\nname: bad\ntasks: [{id: a, run: \"\(String(repeating: "x", count: 2 << 20))\"}]\n",
                status: 413,
                code: "E2006"
            ),
            Mistake(
                testDescription: "too large in canonical form",
                body:
                    "version: 1\nname: bad\ntasks: [{id: a, run: \"\(String(repeating: "x", count: 300 << 10))\"}]\n",
                status: 413,
                code: "E1314",
                place: [1, 1]
            ),
        ]

        @Test(.timeLimit(.minutes(1))) func badDefinitionsLeaveNothingBehind() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            for (number, mistake) in Self.mistakes.enumerated() {
                let answer = try await nodes[number % 3].api.send(
                    "POST",
                    "/v1/jobs",
                    body: mistake.body,
                    type: mistake.type
                )
                let what = "\(mistake.testDescription): \(answer.text.prefix(500))"
                #expect(answer.status == mistake.status, "\(what)")
                #expect(
                    answer.header("Content-Type")?.hasPrefix("application/problem+json") == true,
                    "\(what)"
                )
                #expect(answer.json["code"].string == mistake.code, "\(what)")
                let error = answer.json["errors"][0]
                #expect(error["code"].string == mistake.code, "\(what)")
                #expect(!error["message"].string.isEmpty)
                if let place = mistake.place {
                    #expect([error["line"].int, error["column"].int] == place, "\(what)")
                }
            }
            #expect(try await cluster.paths().filter { $0.contains("bad") } == [])
            #expect(try await nodes[0].api.send("GET", "/v1/jobs/bad").status == 404)
        }

        @Test(.timeLimit(.minutes(1))) func allMistakesAreToldAtOnce() async throws {
            let (_, nodes) = try await TestCluster.shared()
            let answer = try await nodes[0].api.postJob(
                "version: 1\nname: bad\nschedule: {cron: x, zone: Nowhere/City}\ntasks:\n  - {id: a, needs: [b], rnu: echo}\n"
            )
            #expect(answer.status == 422)
            let codes = Set(answer.json["errors"].list.map(\.["code"].string))
            #expect(codes.isSuperset(of: ["E1401", "E1403", "E1203", "E1304"]), "\(answer.text)")
        }

        @Test(.timeLimit(.minutes(1))) func badRequestsForRunsLeaveNothingBehind() async throws {
            let (cluster, nodes) = try await TestCluster.shared()
            let api = nodes[1].api
            #expect(try await api.send("POST", "/v1/runs", body: #"{"job": "nobody"}"#).status == 404)
            #expect(try await api.send("POST", "/v1/runs", body: #"{"jbo": "nobody"}"#).status == 422)
            #expect(try await api.send("POST", "/v1/runs", body: #"{"job": "#).status == 400)
            #expect(try await api.send("GET", "/v1/runs/nobody@20260101T000000Z").status == 404)
            #expect(try await api.send("POST", "/v1/runs/nobody@20260101T000000Z:cancel").status == 404)
            #expect(try await cluster.paths().filter { $0.contains("nobody") } == [])
        }
    }
}
