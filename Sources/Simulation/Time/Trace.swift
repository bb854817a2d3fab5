/// What happened in a world, as a number that two equal runs share, and in words where somebody wants to read them.
///
/// `@unchecked`: see `VirtualLoop`.
final class Trace: @unchecked Sendable {
    /// FNV-1a over all that was noted.
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    /// Where the words go; `nil` where nobody reads them.
    private let print: ((String) -> Void)?
    private let now: () -> Int64

    init(now: @escaping () -> Int64, print: ((String) -> Void)?) {
        self.now = now
        self.print = print
    }

    var isRead: Bool { print != nil }

    /// Takes a number into the hash.
    func mix(_ number: UInt64) {
        var rest = number
        for _ in 0..<8 {
            hash = (hash ^ (rest & 0xff)) &* 0x100_0000_01b3
            rest >>= 8
        }
    }

    /// Takes a text into the hash.
    func mix(_ text: String) {
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// Notes something that happened; `details` are for readers only.
    func note(_ event: StaticString, _ subject: String = "", details: @autoclosure () -> String = "") {
        mix(UInt64(bitPattern: now()))
        event.withUTF8Buffer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 } }
        mix(subject)
        tell(event, subject, details())
    }

    /// Tells a reader of something that is no part of the history.
    func tell(
        _ event: StaticString,
        _ subject: @autoclosure () -> String,
        _ details: @autoclosure () -> String
    ) {
        guard let print else { return }
        let milliseconds = now() / 1_000_000
        let fraction = String(milliseconds % 1000)
        let time =
            "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
        let rest = details()
        print("\(time) \(event) \(subject())\(rest.isEmpty ? "" : " \(rest)")")
    }
}
