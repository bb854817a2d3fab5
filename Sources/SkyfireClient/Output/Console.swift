internal import Glibc

/// Where words and data go: data to stdout, words to stderr, both unbuffered so that nothing is lost at an end by signal.
package struct Console: Sendable {
    /// stdout or stderr.
    package enum Stream: Hashable, Sendable {
        case output, errors
    }

    /// Whether words that are not errors are left out.
    package var isQuiet = false
    package var isVerbose = false
    /// Whether words on stdout may carry colour.
    package var isColored = false
    /// Whether stdout is a terminal.
    package let isTerminal: Bool
    private let sink: @Sendable (Stream, [UInt8]) -> Void

    /// A console that writes wherever the sink does; for tests.
    package init(isTerminal: Bool = false, sink: @escaping @Sendable (Stream, [UInt8]) -> Void) {
        self.isTerminal = isTerminal
        self.sink = sink
    }

    /// The process's own stdout and stderr.
    package static func standard() -> Console {
        Console(isTerminal: isatty(STDOUT_FILENO) == 1) { stream, bytes in
            write(bytes, to: stream == .output ? STDOUT_FILENO : STDERR_FILENO)
        }
    }

    /// Writes data as it is.
    package func data(_ bytes: [UInt8], to stream: Stream = .output) { sink(stream, bytes) }

    /// Writes a line of data.
    package func line(_ text: String) { sink(.output, Array((text + "\n").utf8)) }

    /// Writes a line of words, unless told to be quiet.
    package func note(_ text: String) {
        if !isQuiet { sink(.errors, Array((Self.printable(text) + "\n").utf8)) }
    }

    /// Writes a line of words that only those see who asked for more.
    package func detail(_ text: String) {
        if isVerbose { sink(.errors, Array((Self.printable(text) + "\n").utf8)) }
    }

    /// Writes an error, quiet or not.
    package func error(_ text: String) { sink(.errors, Array((text + "\n").utf8)) }

    /// The text without what could move a terminal's cursor or change its colours; line ends and tabs stay.
    package static func printable(_ text: String) -> String {
        if text.unicodeScalars.allSatisfy({ !isControl($0) }) { return text }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { shown.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(shown)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 0x20 && scalar != "\n" && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // The bytes outlive the call, which keeps no pointer.
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno == EPIPE {
                // The reader has gone (`skyfire list runs | head`): what a process that dies of SIGPIPE shows.
                _exit(128 + SIGPIPE)
            } else if errno != EINTR {
                _exit(ClientExit.failure.rawValue)
            }
        }
    }
}
