import Foundation
import FoundationNetworking

/// The HTTP API of one node, as a client that knows the documented contract alone.
struct APIClient: Sendable {
    struct Answer: Sendable {
        var status: Int
        var json: JSON
        var text: String
        private var headers: [String: String]

        init(_ response: HTTPURLResponse, _ body: Data) {
            status = response.statusCode
            text = String(decoding: body, as: UTF8.self)
            do { json = try JSONDecoder().decode(JSON.self, from: body) } catch { json = .null }
            headers = [:]
            for (name, value) in response.allHeaderFields {
                headers["\(name)".lowercased()] = "\(value)"
            }
        }

        func header(_ name: String) -> String? { headers[name.lowercased()] }
    }

    /// An answer of another status than the test needs to go on.
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 15
        configuration.httpMaximumConnectionsPerHost = 16
        return URLSession(configuration: configuration)
    }()

    let base: String

    func send(
        _ method: String,
        _ path: String,
        body: String? = nil,
        type: String = "application/json",
        headers: [String: String] = [:]
    ) async throws -> Answer {
        guard let url = URL(string: base + path) else {
            throw Unexpected(description: "no URL: \(base)\(path)")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let body {
            request.httpBody = Data(body.utf8)
            request.setValue(type, forHTTPHeaderField: "Content-Type")
        }
        let (data, response) = try await Self.session.data(for: request)
        guard let response = response as? HTTPURLResponse else {
            throw Unexpected(description: "no HTTP: \(response)")
        }
        return Answer(response, data)
    }

    /// Reads a resource that has to be there.
    func get(_ path: String) async throws -> JSON {
        let answer = try await send("GET", path)
        guard answer.status == 200 else {
            throw Unexpected(description: "GET \(path): \(answer.status) \(answer.text)")
        }
        return answer.json
    }

    /// All items of a list, page by page.
    func items(_ path: String) async throws -> [JSON] {
        var items: [JSON] = []
        var cursor = ""
        repeat {
            let separator = path.contains("?") ? "&" : "?"
            let page = try await get(
                "\(path)\(separator)limit=1000\(cursor.isEmpty ? "" : "&cursor=\(cursor)")"
            )
            items += page["items"].list
            cursor = page["next_cursor"].string
        } while !cursor.isEmpty
        return items
    }

    func postJob(_ yaml: String) async throws -> Answer {
        try await send("POST", "/v1/jobs", body: yaml, type: "application/yaml")
    }

    /// Stores a job that is right.
    @discardableResult
    func addJob(_ yaml: String) async throws -> JSON {
        let answer = try await postJob(yaml)
        guard answer.status == 201 else {
            throw Unexpected(description: "POST /v1/jobs: \(answer.status) \(answer.text)\n\(yaml)")
        }
        return answer.json
    }

    /// Starts a run and returns its id.
    func run(_ job: String, at: String? = nil, requestID: String? = nil) async throws -> String {
        var body: [String: JSON] = ["job": .text(job)]
        if let at { body["at"] = .text(at) }
        if let requestID { body["request_id"] = .text(requestID) }
        let text = String(decoding: try JSONEncoder().encode(JSON.object(body)), as: UTF8.self)
        let answer = try await send("POST", "/v1/runs", body: text)
        guard answer.status == 201 || answer.status == 200 && requestID != nil else {
            throw Unexpected(description: "POST /v1/runs: \(answer.status) \(answer.text)")
        }
        return answer.json["id"].string
    }

    func addJobAndRun(_ yaml: String) async throws -> String {
        try await run(try await addJob(yaml)["name"].string)
    }

    func task(_ run: String, _ task: String) async throws -> JSON {
        try await get("/v1/runs/\(run)/tasks/\(task)")
    }

    /// Waits until a run is over and returns it.
    func ended(_ run: String, within limit: Duration = .seconds(30)) async throws -> JSON {
        let over: Set = ["succeeded", "failed", "killed", "cancelled", "skipped"]
        return try await eventually("the end of \(run)", within: limit) {
            let run = try await get("/v1/runs/\(run)")
            return over.contains(run["state"].string) ? run : nil
        }
    }

    /// Waits until the first attempt of a task runs and returns it.
    func running(_ run: String, _ task: String) async throws -> JSON {
        try await eventually("\(task) of \(run) running") {
            let attempt = try await self.task(run, task)["attempts"][0]
            return attempt["state"].string == "running" ? attempt : nil
        }
    }
}
