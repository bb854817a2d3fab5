internal import Scheduling

/// One column of a list: how a cell is made of an item, for people and for machines.
package struct Column: Sendable {
    /// What a cell holds, which says how it is shown.
    package enum Kind: Hashable, Sendable {
        case text
        /// A state: coloured where colour is on. The word is always there.
        case state
        /// An RFC 3339 time.
        case time
        /// Bytes, shown in binary units.
        case bytes
    }

    package let title: String
    /// Whether it is left out of the narrow table.
    package let isWide: Bool
    package let kind: Kind
    /// Whether numbers stand at its right edge.
    let isRight: Bool
    private let value: @Sendable (JSONTree) -> String

    /// A column whose cells are the values below a path of keys.
    package init(
        _ title: String,
        _ path: String,
        _ kind: Kind = .text,
        isWide: Bool = false,
        isRight: Bool = false
    ) {
        self.init(title, kind, isWide: isWide, isRight: isRight) { $0.at(path)?.text ?? "" }
    }

    /// A column whose cells are made by a function.
    package init(
        _ title: String,
        _ kind: Kind = .text,
        isWide: Bool = false,
        isRight: Bool = false,
        _ value: @escaping @Sendable (JSONTree) -> String
    ) {
        self.title = title
        self.isWide = isWide
        self.kind = kind
        self.isRight = isRight
        self.value = value
    }

    /// The cell as machines want it; empty where there is nothing.
    package func raw(_ item: JSONTree) -> String { value(item) }

    /// The cell as people want it; `-` where there is nothing.
    package func shown(_ item: JSONTree, _ times: TimeText) -> String {
        let raw = value(item)
        guard !raw.isEmpty else { return "-" }
        switch kind {
        case .text, .state: return raw
        case .time: return WallTime(rfc3339: raw).map(times.full) ?? raw
        case .bytes: return Int64(raw).map(Self.size) ?? raw
        }
    }

    /// `1.5GiB`
    package static func size(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        if unit == 0 || value >= 100 { return "\(Int64(value.rounded()))\(units[unit])" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)\(units[unit])"
    }
}
