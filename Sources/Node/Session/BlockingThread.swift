internal import Glibc
import CZlib

/// A thread for one piece of work that blocks.
enum BlockingThread {
    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread. Where no thread can be had the work is done at once on this one.
    static func start(_ work: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        // Retained for the thread, and released by it; or below, where there is none.
        let context = Unmanaged.passRetained(Body(work))
        let failure = pthread_create(
            &thread,
            &attributes,
            { context in
                // The retain above is taken over here, once. pthread always hands the context back.
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        if failure != 0 { context.takeRetainedValue().run() }
    }
}
