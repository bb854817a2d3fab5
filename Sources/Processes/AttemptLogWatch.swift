import Dispatch
import Glibc

/// Tells that an attempt's log may have changed, whoever writes it: by inotify, and now and then in any case.
package enum AttemptLogWatch {
    /// How often to look in any case: where the directory is not there yet, and where the system has no more watches.
    private static let interval = DispatchTimeInterval.milliseconds(100)

    /// What watches. `@unchecked`: sources of Dispatch may be cancelled on any thread, and nothing else is done with them.
    private struct Sources: @unchecked Sendable {
        let timer: any DispatchSourceTimer
        let files: (any DispatchSourceRead)?

        func cancel() {
            timer.cancel()
            files?.cancel()
        }
    }

    /// "Look again": at once, after each change, and at every interval. Holds one that nobody has taken, no more.
    ///
    /// Ends when nobody iterates it any more. Takes one descriptor.
    package static func changes(in directory: String) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let queue = DispatchQueue(label: "skyfire.log-watch")
        let timer = DispatchSource.makeTimerSource(queue: queue)
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else {
            // Out of descriptors or watches: the interval has to do.
            timer.setEventHandler { continuation.yield() }
            let sources = Sources(timer: timer, files: nil)
            continuation.onTermination = { _ in sources.cancel() }
            timer.schedule(deadline: .now(), repeating: interval)
            timer.resume()
            return stream
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        let events = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO) | UInt32(IN_CLOSE_WRITE)
        timer.setEventHandler {
            // The directory is made with the first byte of output. Watching it again changes nothing.
            inotify_add_watch(descriptor, directory, events)
            continuation.yield()
        }
        source.setEventHandler {
            // The kernel writes within the buffer; nothing of it is looked at.
            withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 8) { buffer in
                while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
            }
            continuation.yield()
        }
        source.setCancelHandler { close(descriptor) }
        let sources = Sources(timer: timer, files: source)
        continuation.onTermination = { _ in sources.cancel() }
        timer.schedule(deadline: .now(), repeating: interval)
        timer.resume()
        source.resume()
        return stream
    }
}
