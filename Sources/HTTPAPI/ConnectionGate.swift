import Synchronization

/// Counts the open connections, all together and by address, and those that were sent away.
final class ConnectionGate: Sendable {
    /// Why a connection is refused.
    enum Refusal: Hashable, Sendable {
        /// All connections together are at their bound.
        case full
        /// The connections from this address are.
        case addressFull
    }

    /// What a client was too slow with.
    enum Slowness: String, CaseIterable, Sendable {
        case head, body, answer
    }

    /// What has been counted.
    struct Figures: Sendable {
        var open = 0
        /// Of the address with the most.
        var mostOfOneAddress: Int
        var refused = 0
        var refusedByAddress = 0
        var closedForSlowness: [Slowness: Int] = [:]
    }

    private struct State {
        var open = 0
        /// Holds no address without connections, so no more of them than connections.
        var byAddress: [String: Int] = [:]
        var refused = 0
        var refusedByAddress = 0
        var closedForSlowness: [Slowness: Int] = [:]
    }

    private let limits: HTTPLimits
    private let state = Mutex(State())

    init(_ limits: HTTPLimits) {
        self.limits = limits
    }

    var figures: Figures {
        state.withLock { state in
            Figures(
                open: state.open,
                mostOfOneAddress: state.byAddress.values.max() ?? 0,
                refused: state.refused,
                refusedByAddress: state.refusedByAddress,
                closedForSlowness: state.closedForSlowness
            )
        }
    }

    /// Counts a connection in, or says why it must be refused. What was counted in must `leave`.
    func enter(_ address: String) -> Refusal? {
        state.withLock { state in
            guard state.open < limits.connections else {
                state.refused += 1
                return .full
            }
            guard state.byAddress[address, default: 0] < limits.connectionsPerAddress else {
                state.refusedByAddress += 1
                return .addressFull
            }
            state.open += 1
            state.byAddress[address, default: 0] += 1
            return nil
        }
    }

    func leave(_ address: String) {
        state.withLock { state in
            state.open -= 1
            let left = state.byAddress[address, default: 1] - 1
            state.byAddress[address] = left == 0 ? nil : left
        }
    }

    func noteSlow(_ slowness: Slowness) {
        state.withLock { $0.closedForSlowness[slowness, default: 0] += 1 }
    }
}
