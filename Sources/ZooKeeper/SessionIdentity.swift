/// What a server knows a session by.
package struct SessionIdentity: Hashable, Sendable {
    package let id: Int64
    /// Sixteen bytes that prove the ownership of the session.
    package let password: [UInt8]

    package init(id: Int64, password: [UInt8]) {
        precondition(password.count == 16, "a session's password has 16 bytes, not \(password.count)")
        self.id = id
        self.password = password
    }
}
