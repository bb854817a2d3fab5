/// The metadata keys of this module's log lines.
enum LogKeys {
    static let address = "http.address"
    static let error = "error"
    static let method = "http.method"
    static let path = "http.path"
    static let port = "http.port"
    static let trace = "trace.id"
    static let worker = "worker"
}
