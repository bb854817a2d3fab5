package import Logging
package import ZnodeStore

/// How to reach an ensemble and how its sessions behave.
package struct ZooKeeperConfiguration: Sendable {
    /// A name and a password that ZooKeeper's `digest` scheme knows a session by.
    package struct Credentials: Hashable, Sendable, CustomStringConvertible {
        package var user: String
        package var password: String

        package init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        /// Never shows the password.
        package var description: String { "digest(\(user))" }
    }

    /// `host:port`, joined by commas. Names are resolved when a session is opened.
    package var connectString: String
    /// The znode below which all paths lie; `/` for none. It must exist: the client does not make it.
    package var chroot: ZnodePath
    /// The session timeout to ask for. The server answers with one within its own bounds. Default 10 s.
    package var sessionTimeout: Duration
    /// Who the sessions are. With credentials, what they create is theirs alone. Default none.
    package var credentials: Credentials?
    /// How many requests may be on their way at once; more wait in order of arrival. Default 500.
    package var requestWindow: Int
    /// How many requests may wait for their turn; one more fails with `.throttled`. Default 20,000.
    package var maximumWaitingRequests: Int
    /// Takes the client's own lines at `debug`, and libzookeeper's lines too (from the newest ensemble made).
    package var logger: Logger

    package init(
        connectString: String,
        chroot: ZnodePath = .root,
        sessionTimeout: Duration = .seconds(10),
        credentials: Credentials? = nil,
        requestWindow: Int = 500,
        maximumWaitingRequests: Int = 20_000,
        logger: Logger = Logger(label: "zookeeper")
    ) {
        self.connectString = connectString
        self.chroot = chroot
        self.sessionTimeout = sessionTimeout
        self.credentials = credentials
        self.requestWindow = requestWindow
        self.maximumWaitingRequests = maximumWaitingRequests
        self.logger = logger
    }

    /// The rights that created znodes get: the creator's alone where there are credentials, everybody's
    /// otherwise.
    package var accessControl: AccessControl { credentials == nil ? .open : .creatorOnly }

    /// What libzookeeper takes: the hosts, and the chroot where there is one.
    var hosts: String { chroot == .root ? connectString : connectString + chroot.description }

    var sessionTimeoutMilliseconds: Int32 {
        let (seconds, attoseconds) = sessionTimeout.components
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// - Throws: `StoreError` with `.badArguments`, where the values cannot work.
    func validate() throws(StoreError) {
        guard !connectString.isEmpty, !connectString.contains("/"), !connectString.utf8.contains(0) else {
            throw StoreError(
                .badArguments,
                operation: "open",
                message: "invalid connect string \"\(connectString)\": expected host:port,host:port"
            )
        }
        guard sessionTimeoutMilliseconds > 0, requestWindow > 0, maximumWaitingRequests >= 0 else {
            throw StoreError(
                .badArguments,
                operation: "open",
                message: "session timeout and request window must be positive, waiting requests not negative"
            )
        }
    }
}
