/// One thing that a transaction did to one znode, in the order in which it was done.
package struct ZnodeChange: Hashable, Sendable {
    /// What was done.
    package enum Kind: Hashable, Sendable {
        case created
        case dataChanged
        case deleted
    }

    package let path: ZnodePath
    package let kind: Kind

    package init(_ kind: Kind, _ path: ZnodePath) {
        self.path = path
        self.kind = kind
    }
}
