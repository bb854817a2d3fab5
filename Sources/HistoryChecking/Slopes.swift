/// Whether something grows without end: slopes of samples over time.
///
/// The slope is that of Theil and Sen, the median of the slopes of all pairs of points, which a few outliers
/// do not move. A
/// series is one key of one source, and begins anew where the `pid` changes: a restart is no slope. Series
/// of fewer
/// than `minimumPoints` points are too short to be judged; of long ones, `maximumPoints` are taken evenly.
///
/// A median does not see a *step* near the end: so what the last tenth is above the rest (both medians; the
/// rest is the first three quarters) may not be more than the growth that the bound allows for the whole
/// series, or for an hour where it is shorter. A sample without its value (`null`, or the key is not there)
/// is missing, and so are as many samples as fit into a gap: where more than half are missing, the series is
/// not good enough to be green.
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
        /// Samples without a value, and those that should have been in gaps.
        package var missing: Int
        /// By hour.
        package var slope: Double
        /// How much the end is above what was before.
        package var step: Double
        /// The most growth by hour that is allowed.
        package var bound: Double?

        /// Whether there are points enough to say anything.
        package var isLongEnough: Bool { points >= Slopes.minimumPoints }
        package var isSteep: Bool { isLongEnough && bound.map { slope > $0 } ?? false }
        package var isStep: Bool { isLongEnough && bound.map { step > $0 * max(1, hours) } ?? false }
        package var isFullOfHoles: Bool { bound != nil && missing > points }
        package var isViolated: Bool { isSteep || isStep || isFullOfHoles }
    }

    /// Fits all series. `warmUp` seconds at the beginning of each are left out. A bound for which there is no
    /// series that is long enough is an error: it is misspelt, or nothing was measured.
    package static func fit(
        _ lines: [Line],
        settings: JudgeSettings,
        warmUp: Double = 0
    ) throws(UnreadableInput) -> [Series] {
        struct Life: Hashable {
            var source: String
            var role: String
            var number: Int
        }
        // Every sample of a life, and its values by key.
        var times: [Life: [Double]] = [:]
        var points: [Life: [String: [(time: Double, value: Double)]]] = [:]
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
            let life = Life(source: source, role: role, number: pids[owner]?.life ?? 0)
            let hour = Double(time) / 3.6e12
            times[life, default: []].append(hour)
            for (key, value) in line.json.object ?? [:] where key != "pid" && !key.hasSuffix("_ns") {
                guard let number = value.number else { continue }
                points[life, default: [:]][key, default: []].append((hour, number))
            }
        }
        var series: [Series] = []
        for (life, keys) in points {
            let start = (times[life]?.first ?? 0) + warmUp / 3600
            let taken = (times[life] ?? []).filter { $0 >= start }
            for (key, all) in keys {
                let known = all.filter { $0.time >= start }
                series.append(
                    Series(
                        source: life.number == 0 ? life.source : "\(life.source)#\(life.number + 1)",
                        role: life.role,
                        key: key,
                        points: known.count,
                        hours: (known.last?.time ?? 0) - (known.first?.time ?? 0),
                        first: known.first?.value ?? 0,
                        last: known.last?.value ?? 0,
                        highest: known.map(\.value).max() ?? 0,
                        missing: taken.count - known.count + skipped(taken),
                        slope: slope(known),
                        step: step(known.map(\.value)),
                        bound: settings.json["slopes_by_role"]?[life.role]?[key]?.number
                            ?? settings.json["slopes"]?[key]?.number
                    )
                )
            }
        }
        try demandSeries(series, settings)
        return series.sorted { ($0.key, $0.role, $0.source) < ($1.key, $1.role, $1.source) }
    }

    /// Every bound has a series that it is for.
    private static func demandSeries(
        _ series: [Series],
        _ settings: JudgeSettings
    ) throws(UnreadableInput) {
        let long = series.filter(\.isLongEnough)
        func demand(_ key: String, role: String?) throws(UnreadableInput) {
            let name = "the slope of \(key)" + (role.map { " for the role \($0)" } ?? "")
            guard long.contains(where: { $0.key == key && $0.role == role ?? $0.role }) else {
                throw UnreadableInput(
                    "--settings",
                    "there is no series of \(minimumPoints) points for \(name)"
                )
            }
        }
        for key in (settings.json["slopes"]?.object ?? [:]).keys { try demand(key, role: nil) }
        for (role, slopes) in settings.json["slopes_by_role"]?.object ?? [:] {
            for key in (slopes.object ?? [:]).keys { try demand(key, role: role) }
        }
    }

    /// How many samples were not taken: as many as fit into the gaps at the usual distance.
    private static func skipped(_ taken: [Double]) -> Int {
        let distances = zip(taken, taken.dropFirst()).map { $1 - $0 }
        let usual = median(distances)
        guard usual > 0 else { return 0 }
        return distances.reduce(0) { $0 + max(0, Int(($1 / usual).rounded()) - 1) }
    }

    /// How much the last tenth is above the first three quarters.
    private static func step(_ values: [Double]) -> Double {
        guard values.count >= minimumPoints else { return 0 }
        return median(values.suffix(max(3, values.count / 10))) - median(values.prefix(values.count * 3 / 4))
    }

    /// The middle of some values; 0 of none.
    private static func median(_ values: some Sequence<Double>) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
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
        return median(slopes)
    }

    /// The table for people.
    package static func table(_ series: [Series]) -> String {
        var lines = ["source/key  points (missing)  hours  first → last (highest)  per hour  step  verdict"]
        for one in series {
            lines.append(
                "\(one.source)/\(one.key)  \(one.points) (\(one.missing))  \(short(one.hours))  "
                    + "\(short(one.first)) → \(short(one.last)) (\(short(one.highest)))  \(short(one.slope))  "
                    + "\(short(one.step))  \(verdict(one))"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func verdict(_ one: Series) -> String {
        guard let bound = one.bound.map(short) else { return "no bound" }
        if one.isFullOfHoles { return "VIOLATED: most samples are missing" }
        if !one.isLongEnough { return "not judged: fewer than \(minimumPoints) points" }
        if one.isSteep { return "VIOLATED: at most \(bound) an hour" }
        if one.isStep { return "VIOLATED: a step at the end, at most \(bound) an hour" }
        return "green: at most \(bound) an hour"
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15
            ? String(Int64(value)) : String((value * 100).rounded() / 100)
    }
}
