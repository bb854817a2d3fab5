import Glibc

/// A POSIX extended regular expression for lines of logs, in the form that is matched without backtracking.
final class LinePattern: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The largest product of all repetition counts: each multiplies the size of the compiled expression.
    private static let largestRepetition = 1000
    private static let largestLength = 256

    // Compiled in `init`, freed in `deinit`, and only read between: `regexec` is thread-safe on one expression.
    nonisolated(unsafe) private let compiled: UnsafeMutablePointer<regex_t>

    init(_ text: String) throws {
        try Self.check(text)
        let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        let code = regcomp(expression, text, REG_EXTENDED)
        guard code == 0 else {
            var reason = [CChar](repeating: 0, count: 200)
            regerror(code, expression, &reason, reason.count)
            expression.deallocate()
            throw Failure(
                description: String(
                    decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)),
                    as: UTF8.self
                )
            )
        }
        compiled = expression
    }

    deinit {
        regfree(compiled)
        compiled.deallocate()
    }

    /// Whether a line has a match. Bytes that are 0 are matched like any other.
    func finds(_ line: ArraySlice<UInt8>) -> Bool {
        line.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var span = regmatch_t(rm_so: 0, rm_eo: regoff_t(characters.count))
                guard let start = characters.baseAddress else { return false }
                return regexec(compiled, start, 1, &span, 1 << 2) == 0  // REG_STARTEND
            }
        }
    }

    private static func check(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard bytes.count <= largestLength, !bytes.contains(0) else {
            throw Failure(description: "a pattern has \(largestLength) bytes at most")
        }
        var product = 1
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\") {
                if index + 1 < bytes.count, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[index + 1])
                {
                    throw Failure(description: "references back (\\1) are not supported")
                }
                index += 1
            } else if bytes[index] == UInt8(ascii: "{") {
                let inner = bytes[(index + 1)...].prefix { $0 != UInt8(ascii: "}") }
                let counts = inner.split(separator: UInt8(ascii: ",")).compactMap {
                    Int(String(decoding: $0, as: UTF8.self))
                }
                let (result, hasOverflowed) = product.multipliedReportingOverflow(
                    by: max(counts.max() ?? 1, 1)
                )
                guard !hasOverflowed, result <= largestRepetition else {
                    throw Failure(description: "repetition counts multiply to more than \(largestRepetition)")
                }
                product = result
            }
            index += 1
        }
    }
}
