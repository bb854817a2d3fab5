package import Scheduling
package import ZnodeStore

/// There is nothing where a cluster should be: the ensemble is another one, or has lost its data.
package struct ClusterVanished: Error, Hashable, Sendable {
    package let root: ZnodePath
}

/// Makes a cluster's tree where there is none, and checks the one that is there.
package struct ClusterSetup: Sendable {
    private let session: any ZnodeSession
    private let layout: ZnodeLayout

    package init(session: any ZnodeSession, layout: ZnodeLayout) {
        self.session = session
        self.layout = layout
    }

    /// Returns the cluster's record. `newID` is used only where this call founds the cluster; `nil` where it must not,
    /// because this node belongs to one that should be there.
    ///
    /// - Throws: `StoreError`, `ClusterVanished`, or `RecordError` where the tree is of another form.
    package func prepare(newID: String?) async throws -> ClusterRecord {
        if let record = try await existing() { return record }
        guard let newID else { throw ClusterVanished(root: layout.root) }
        try await makeParents()
        let record = ClusterRecord(clusterID: newID, layoutVersion: ZnodeLayout.version)
        var operations: [StoreOperation] = [.create(layout.root, data: RecordCoding.encode(record))]
        operations += layout.directories.map { .create($0, data: []) }
        operations.append(
            .create(
                layout.term,
                data: RecordCoding.encode(TermRecord(term: 0, worker: nil, commit: 0, incidents: 0))
            )
        )
        operations.append(.create(layout.ids, data: Array("0".utf8)))
        operations.append(.create(layout.configs, data: RecordCoding.encode(ClusterConfiguration())))
        operations.append(.create(layout.clusterStatus, data: []))
        do throws(StoreError) {
            _ = try await session.multi(operations)
        } catch {
            // Another node was first, or the reply was lost: what is there decides.
            guard error.code == .nodeExists || error.isOutcomeUnknown else { throw error }
        }
        guard let record = try await existing() else {
            throw RecordError("\(layout.root) could not be made")
        }
        return record
    }

    private func existing() async throws -> ClusterRecord? {
        let znode: Znode
        do throws(StoreError) {
            znode = try await session.get(layout.root)
        } catch {
            if error.code == .noNode { return nil }
            throw error
        }
        let record = try RecordCoding.decode(ClusterRecord.self, from: znode.data, path: layout.root)
        guard record.layoutVersion == ZnodeLayout.version else {
            throw RecordError(
                "\(layout.root) has layout version \(record.layoutVersion); this node reads version \(ZnodeLayout.version)"
            )
        }
        return record
    }

    private func makeParents() async throws(StoreError) {
        var parents: [ZnodePath] = []
        var path = layout.root.parent
        while let parent = path, parent != .root {
            parents.append(parent)
            path = parent.parent
        }
        for parent in parents.reversed() {
            do throws(StoreError) {
                _ = try await session.create(parent)
            } catch {
                guard error.code == .nodeExists else { throw error }
            }
        }
    }

    /// Takes the next worker number. A number lost to a broken connection is never used.
    package func nextWorkerID() async throws -> WorkerID {
        while true {
            let znode = try await session.get(layout.ids)
            guard let last = Int(String(decoding: znode.data, as: UTF8.self)) else {
                throw RecordError("\(layout.ids) does not hold a number")
            }
            do throws(StoreError) {
                _ = try await session.set(
                    layout.ids,
                    data: Array(String(last + 1).utf8),
                    version: znode.stat.version
                )
                return WorkerID(number: last + 1)
            } catch {
                guard error.code == .badVersion else { throw error }
            }
        }
    }
}
