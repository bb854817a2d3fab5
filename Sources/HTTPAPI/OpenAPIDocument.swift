import HTTPTypes

/// The description of the API (OpenAPI 3.1), made from the same table that the router serves.
package enum OpenAPIDocument {
    /// Describes a table of routes.
    package static func make(_ table: RouteTable) -> JSONValue {
        var paths: [String: JSONValue] = [:]
        for route in table.routes {
            var methods: [String: JSONValue] = [:]
            if case .object(let others) = paths[route.pattern.description] { methods = others }
            methods[route.method.rawValue.lowercased()] = operation(route)
            paths[route.pattern.description] = .object(methods)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Skyfire", "version": "1",
                "description":
                    "Jobs, runs and their logs, on every node. Errors are problem+json and tell all mistakes at once.",
            ],
            "servers": [["url": "/"]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(OpenAPISchemas.all),
                "responses": [
                    "Problem": [
                        "description": "What is wrong, all of it.",
                        "content": [
                            "application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]
                        ],
                    ]
                ],
            ],
        ]
    }

    private static func operation(_ route: Route) -> JSONValue {
        var success: [String: JSONValue] = ["description": "Success."]
        if let answer = route.answer {
            success["content"] = [route.contentType: ["schema": reference(answer)]]
        } else if route.status != 204 {
            success["content"] = .object([route.contentType: [:]])
        }
        var responses: [String: JSONValue] = [
            String(route.status): .object(success), "default": ["$ref": "#/components/responses/Problem"],
        ]
        if let status = route.replayStatus {
            success["description"] = "An earlier request with the same id did it."
            responses[String(status)] = .object(success)
        }
        var operation: [String: JSONValue] = [
            "operationId": .string(route.operation),
            "summary": .string(route.summary),
            "responses": .object(responses),
        ]
        let parameters = route.pattern.parameters.map { name -> JSONValue in
            ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        let all = parameters + route.query.map(parameter)
        if !all.isEmpty { operation["parameters"] = .array(all) }
        switch route.body {
        case .none: break
        case .required(let schema): operation["requestBody"] = body(schema, isRequired: true)
        case .optional(let schema): operation["requestBody"] = body(schema, isRequired: false)
        }
        return .object(operation)
    }

    private static func body(_ schema: String, isRequired: Bool) -> JSONValue {
        [
            "required": .bool(isRequired),
            "content": [
                "application/json": ["schema": reference(schema)],
                "application/yaml": ["schema": reference(schema)],
            ],
        ]
    }

    private static func parameter(_ parameter: QueryParameter) -> JSONValue {
        let schema: JSONValue
        switch parameter.kind {
        case .text, .time: schema = ["type": "string"]
        case .flag: schema = ["type": "string", "enum": ["1", "true", "0", "false", ""]]
        case .integer(let range):
            var bounds: [String: JSONValue] = [
                "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
            ]
            if range.upperBound != Int.max { bounds["maximum"] = .integer(Int64(range.upperBound)) }
            schema = .object(bounds)
        case .oneOf(let values): schema = ["type": "string", "enum": .array(values.map(JSONValue.string))]
        case .someOf(let values):
            schema = [
                "type": "array", "items": ["type": "string", "enum": .array(values.map(JSONValue.string))],
            ]
        }
        var result: [String: JSONValue] = [
            "name": .string(parameter.name), "in": "query", "description": .string(parameter.summary),
            "schema": schema,
        ]
        if case .someOf = parameter.kind { result["explode"] = false }
        return .object(result)
    }

    private static func reference(_ schema: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(schema)")]
    }
}
