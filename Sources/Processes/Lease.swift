/// Until when a worker may count on being alone with what it runs. Given by whoever keeps contact with the store.
package struct Lease: Sendable, Equatable {
    /// When leased processes are killed, in nanoseconds on `CLOCK_BOOTTIME`.
    package var dueNanoseconds: Int64
    /// By how much their first signal may precede the end. A shorter grace of their own is enough.
    package var warning: Duration

    package init(dueNanoseconds: Int64, warning: Duration) {
        self.dueNanoseconds = dueNanoseconds
        self.warning = warning
    }

    /// A lease that ends at an instant of the continuous clock, which is `CLOCK_BOOTTIME`.
    package init(until instant: ContinuousClock.Instant, warning: Duration) {
        let left = instant - ContinuousClock.now
        self.init(dueNanoseconds: bootNanoseconds() + left.nanoseconds, warning: warning)
    }

    /// When a process with this grace gets its first signal.
    func warningNanoseconds(grace: Duration) -> Int64 {
        dueNanoseconds - min(grace, warning).boundedNanoseconds
    }
}

extension Duration {
    /// The duration in whole nanoseconds, negative ones too, within a century.
    fileprivate var nanoseconds: Int64 {
        self < .zero ? -(.zero - self).boundedNanoseconds : boundedNanoseconds
    }
}
