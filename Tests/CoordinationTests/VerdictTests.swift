import Coordination
import Scheduling
import Testing
import ZnodeStore

/// A request has one verdict, also where it was read before it had one.
struct VerdictTests {
    @Test func secondVerdictIsRefused() async throws {
        let store = EmbeddedStore()
        let session = try await store.openSession()
        let layout = ZnodeLayout(root: try ZnodePath("/root"))
        _ = try await ClusterSetup(session: session, layout: layout).prepare(newID: "test")
        let path = layout.command("r")
        _ = try await session.create(path)
        let first = Verdict(isAccepted: false, code: "E2012", message: "first")
        for verdict in [first, Verdict(isAccepted: true, message: "second")] {
            let operations = LeaderOperation.setVerdict(request: "r", verdict)
                .encoded(layout, now: WallTime(milliseconds: 0))
            do throws(StoreError) {
                _ = try await session.multi(operations)
                #expect(verdict == first)
            } catch {
                #expect(verdict != first && error.code == .badVersion)
            }
        }
        let data = try await session.get(path).data
        #expect(try RecordCoding.decode(CommandRecord.self, from: data, path: path).verdict == first)
        await session.close()
    }
}
