/// What a test waited for and did not see.
struct NotSeen: Error, CustomStringConvertible {
    let description: String
}

/// Looks again and again until the probe returns a value, and returns it.
///
/// A probe that throws has not seen it yet: a server that was just killed refuses connections.
///
/// - Throws: `NotSeen` with the last error at the deadline.
func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(20),
    _ probe: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    var last = ""
    while true {
        do {
            if let value = try await probe() { return value }
        } catch {
            try Task.checkCancellation()
            last = ": \(error)"
        }
        guard ContinuousClock.now < deadline else {
            throw NotSeen(description: "not seen in \(limit): \(what)\(last)")
        }
        // The interval of a look at other processes; the deadline above fails the test.
        try await Task.sleep(for: .milliseconds(50))
    }
}

/// Waits until a condition holds.
func eventually(
    _ what: String,
    within limit: Duration = .seconds(20),
    isTrue condition: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit) { try await condition() ? true : nil }
}
