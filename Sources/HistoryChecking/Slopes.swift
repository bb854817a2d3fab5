/// Whether something grows without end: slopes of samples over time.
///
/// The slope is that of Theil and Sen, the median of the slopes of all pairs of points, which a few outliers
/// do not move. A
/// series is one key of one source, and begins anew where the `pid` changes: a restart is no slope. Series
/// of fewer
/// than `minimumPoints` points are left out; of long ones, `maximumPoints` are taken evenly.
package enum Slopes {
    private static let minimumPoints = 5
    /// Pairs grow with the square.
    private static let maximumPoints = 1_000

    /// The slope of one series.
    package struct Series: Hashable, Sendable {
        package var source: String
        package var role: String
        package var key: String
        package var points: Int
        package var hours: Double
        package var first: Double
        package var last: Double
        package var highest: Double
        /// By hour.
        package var slope: Double
        /// The most growth by hour that is allowed.
        package var bound: Double?

        package var isViolated: Bool { bound.map { slope > $0 } ?? false }
    }

    /// Fits all series. `warmUp` seconds at the beginning of each are left out.
    package static func fit(
        _ lines: [Line],
        settings: JudgeSettings,
        warmUp: Double = 0
    ) throws(UnreadableInput) -> [Series] {
        struct Name: Hashable {
            var source: String
            var role: String
            var key: String
            var life: Int
        }
        var points: [Name: [(time: Double, value: Double)]] = [:]
        var pids: [String: (pid: Int64, life: Int)] = [:]
        for line in lines {
            guard let source = line.json["source"]?.string, let time = line.json["monotonic_ns"]?.int else {
                throw UnreadableInput(line.place, "a sample without source or monotonic_ns")
            }
            let role = line.json["role"]?.string ?? ""
            let pid = line.json["pid"]?.int ?? 0
            let owner = "\(source)/\(role)"
            if let known = pids[owner], known.pid != pid {
                pids[owner] = (pid, known.life + 1)
            } else if pids[owner] == nil {
                pids[owner] = (pid, 0)
            }
            let life = pids[owner]?.life ?? 0
            for (key, value) in line.json.object ?? [:] where key != "pid" && !key.hasSuffix("_ns") {
                guard let number = value.number else { continue }
                points[Name(source: source, role: role, key: key, life: life), default: []]
                    .append((Double(time) / 3.6e12, number))
            }
        }
        var series: [Series] = []
        for (name, all) in points {
            guard let start = all.first?.time else { continue }
            let kept = all.filter { ($0.time - start) * 3600 >= warmUp }
            guard kept.count >= minimumPoints, let first = kept.first, let last = kept.last else { continue }
            series.append(
                Series(
                    source: name.life == 0 ? name.source : "\(name.source)#\(name.life + 1)",
                    role: name.role,
                    key: name.key,
                    points: kept.count,
                    hours: last.time - first.time,
                    first: first.value,
                    last: last.value,
                    highest: kept.map(\.value).max() ?? 0,
                    slope: slope(kept),
                    bound: settings.json["slopes_by_role"]?[name.role]?[name.key]?.number
                        ?? settings.json["slopes"]?[name.key]?.number
                )
            )
        }
        return series.sorted { ($0.key, $0.role, $0.source) < ($1.key, $1.role, $1.source) }
    }

    /// The median of the slopes of all pairs; 0 where all points have one time.
    package static func slope(_ points: [(time: Double, value: Double)]) -> Double {
        let stride = max(1, (points.count + maximumPoints - 1) / maximumPoints)
        let taken = points.enumerated().filter { $0.offset % stride == 0 }.map(\.element)
        var slopes: [Double] = []
        for (index, left) in taken.enumerated() {
            for right in taken[(index + 1)...] where right.time != left.time {
                slopes.append((right.value - left.value) / (right.time - left.time))
            }
        }
        guard !slopes.isEmpty else { return 0 }
        slopes.sort()
        let middle = slopes.count / 2
        return slopes.count % 2 == 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2
    }

    /// The table for people.
    package static func table(_ series: [Series]) -> String {
        var lines = ["source/key  points  hours  first → last (highest)  per hour  verdict"]
        for one in series {
            let verdict =
                one.bound.map {
                    one.isViolated ? "VIOLATED: at most \(short($0))" : "green: at most \(short($0))"
                }
                ?? "no bound"
            lines.append(
                "\(one.source)/\(one.key)  \(one.points)  \(short(one.hours))  \(short(one.first)) → \(short(one.last)) "
                    + "(\(short(one.highest)))  \(short(one.slope))  \(verdict)"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15
            ? String(Int64(value)) : String((value * 100).rounded() / 100)
    }
}
