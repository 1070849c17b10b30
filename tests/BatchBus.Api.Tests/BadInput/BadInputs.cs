using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace BatchBus.Api.Tests.BadInput;

/// <summary>The corpus of bad input: the same cases in every run, since chance has a fixed seed.</summary>
internal static class BadInputs
{
    public const string Good =
        """{"stage":"email","requests":[{"custom_id":"a","metadata":{"model_hint":"mistral-7b","stage":null},"params":{"model":"mistral-7b","max_tokens":10,"temperature":0.5,"stream":false,"system":[{"type":"text","text":"be \"brief\""}],"stop_sequences":["x","y"],"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"hé\u00e9"}]}]}},{"custom_id":"b","params":{}}],"expires_in_seconds":3600}""";

    private const int Seed = 20261123;
    private const string Structure = "{}[]:,\"";

    public static IReadOnlyList<BadCase> All { get; } =
    [
        .. Truncated(), .. Exchanged(), .. Flipped(), .. Nested(), .. Numbers(), .. Strings(), .. Types(), .. Utf8(), .. Duplicates(), .. Encodings(), .. Verbs(),
        .. Headers(), .. Paths(), .. Queries(),
    ];

    /// <summary>A good body that ends behind each of its structural characters.</summary>
    private static IEnumerable<BadCase> Truncated()
    {
        for (var i = 0; i < Good.Length - 1; i++)
        {
            if (Structure.Contains(Good[i], StringComparison.Ordinal))
            {
                yield return new BadCase("truncated", $"after {i}", Encoding.UTF8.GetBytes(Good[..(i + 1)]));
            }
        }
    }

    /// <summary>A good body with one structural character exchanged for another.</summary>
    private static IEnumerable<BadCase> Exchanged()
    {
        var random = new Random(Seed);
        for (var i = 0; i < Good.Length; i++)
        {
            if (Structure.Contains(Good[i], StringComparison.Ordinal))
            {
                var body = Encoding.UTF8.GetBytes($"{Good[..i]}{Structure[random.Next(Structure.Length)]}{Good[(i + 1)..]}");
                if (!IsJson(body))
                {
                    yield return new BadCase("exchanged", $"at {i}", body);
                }
            }
        }
    }

    /// <summary>A good body with one byte changed at random.</summary>
    private static IEnumerable<BadCase> Flipped()
    {
        var random = new Random(Seed);
        for (var i = 0; i < 200; i++)
        {
            var body = Encoding.UTF8.GetBytes(Good);
            var at = random.Next(body.Length);
            body[at] = (byte)random.Next(256);
            if (!IsJson(body))
            {
                yield return new BadCase("flipped", $"{i}, at {at}", body);
            }
        }
    }

    private static IEnumerable<BadCase> Nested()
    {
        foreach (var depth in new[] { 300, 3_000, 100_000 })
        {
            foreach (var (kind, deep) in new[]
            {
                ("lists", new string('[', depth) + new string(']', depth)),
                ("objects", string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth)),
                ("open lists", new string('[', depth)),
            })
            {
                yield return Json("nested", $"{depth} {kind} in params", $$$"""{"requests":[{"custom_id":"a","params":{"x":{{{deep}}}}}]}""");
                yield return Json("nested", $"{depth} {kind} as an entry", $$$"""{"requests":[{{{deep}}}]}""");
                yield return Json("nested", $"{depth} {kind} beside requests", $$$"""{"x":{{{deep}}},"requests":[]}""");
                yield return Json("nested", $"{depth} {kind} as the body", deep);
            }
        }
    }

    private static IEnumerable<BadCase> Numbers()
    {
        foreach (var number in new[]
        {
            "0", "-1", "1.5", "1e3", "604801", "1e400", "-1e400", "99999999999999999999", "0x10", "01", "+1", ".5", "1.", "1e", "NaN", "Infinity", "-", "--1",
            new string('9', 100_000), "1." + new string('0', 100_000),
        })
        {
            yield return Json("numbers", $"expires_in_seconds {number[..Math.Min(20, number.Length)]} of {number.Length}", $$$"""{"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":{{{number}}}}""");
        }
    }

    private static IEnumerable<BadCase> Strings()
    {
        var (long1, long2) = (new string('x', 65), new string('x', 2 << 20));
        yield return Json("strings", "custom_id of 65", $$$"""{"requests":[{"custom_id":"{{{long1}}}","params":{}}]}""");
        yield return Json("strings", "custom_id of 500,000", $$$"""{"requests":[{"custom_id":"{{{long2[..500_000]}}}","params":{}}]}""");
        yield return Json("strings", "stage of 500,000", $$$"""{"stage":"{{{long2[..500_000]}}}","requests":[{"custom_id":"a","params":{}}]}""");
        yield return Json("strings", "key of 500,000", $$$"""{"{{{long2[..500_000]}}}":1,"requests":[]}""");
        yield return Json("strings", "custom_id of 2 MiB", $$$"""{"requests":[{"custom_id":"{{{long2}}}","params":{}}]}""", 413, "request_too_large");
        yield return Json("strings", "params of 2 MiB", $$$"""{"requests":[{"custom_id":"a","params":{"x":"{{{long2}}}"}}]}""", 413, "request_too_large");
        yield return Json("strings", "stage of 2 MiB", $$$"""{"stage":"{{{long2}}}","requests":[]}""", 413, "request_too_large");
        yield return Json("strings", "white space of 2 MiB", "{" + new string(' ', 2 << 20), 413, "request_too_large");
        foreach (var (name, text) in new[]
        {
            ("empty", ""), ("space", "a b"), ("line feed", "a\\nb"), ("escaped zero", "\\u0000"), ("letter beyond ASCII", "ä"), ("dot", "a.b"), ("colon", "a:b"), ("braces", "{a}"),
            ("lone high surrogate", "\\ud800"), ("lone low surrogate", "\\udc00x"), ("surrogates in the wrong order", "\\udc00\\ud800"), ("unknown escape", "\\x41"), ("short escape", "\\u12"),
            ("raw tab", "a\tb"), ("raw zero", "a\0b"),
        })
        {
            yield return Json("strings", $"custom_id with {name}", $$$"""{"requests":[{"custom_id":"{{{text}}}","params":{}}]}""");
        }

        foreach (var url in new[] { "", "example.com", "ftp://example.com/", "https://user@example.com/", "http://127.0.0.1/", "http://[::1]:9/x", "http://169.254.169.254/latest/meta-data/", "http://localhost/" })
        {
            yield return Json("strings", $"webhook_url \"{url}\"", $$$"""{"webhook_url":"{{{url}}}","requests":[{"custom_id":"a","params":{}}]}""");
        }

        foreach (var key in new[] { "stage", "requests", "x" })
        {
            yield return Json("strings", $"lone surrogate as the stage, behind {key}", $$$"""{"{{{key}}}":[],"stage":"\ud800","requests":[{"custom_id":"a","params":{}}]}""");
        }

        yield return Json("strings", "lone surrogate in the model", """{"requests":[{"custom_id":"a","params":{"model":"\ud800"}}]}""");
        yield return Json("strings", "lone surrogate in a hint", """{"requests":[{"custom_id":"a","metadata":{"model_hint":"\ud800"},"params":{}}]}""");
        yield return Json("strings", "lone surrogate as a key", """{"\ud800":1,"requests":[{"custom_id":"a","params":{}}]}""");
        yield return Json("strings", "lone surrogate as a key of an entry", """{"requests":[{"\ud800":1,"custom_id":"a","params":{}}]}""");
    }

    /// <summary>Every field of the envelope with every type that it does not take.</summary>
    private static IEnumerable<BadCase> Types()
    {
        string[] values = ["null", "true", "7", "1.5", "\"text\"", "[]", "{}", "[[]]", "[null]"];
        foreach (var value in values)
        {
            yield return Json("types", $"body {value}", value);
            if (value is not "[[]]" and not "[null]")
            {
                yield return Json("types", $"requests {value}", $$$"""{"requests":{{{value}}}}""");
            }

            yield return Json("types", $"entry {value}", $$$"""{"requests":[{{{value}}}]}""");
            yield return Json("types", $"second entry {value}", $$$"""{"requests":[{"custom_id":"a","params":{}},{{{value}}}]}""");
            if (value is not "\"text\"")
            {
                yield return Json("types", $"custom_id {value}", $$$"""{"requests":[{"custom_id":{{{value}}},"params":{}}]}""");
            }

            if (value is not "{}")
            {
                yield return Json("types", $"params {value}", $$$"""{"requests":[{"custom_id":"a","params":{{{value}}}}]}""");
            }

            if (value is not "null")
            {
                yield return Json("types", $"stage {value}", $$$"""{"stage":{{{value}}},"requests":[{"custom_id":"a","params":{}}]}""");
                yield return Json("types", $"webhook_url {value}", $$$"""{"requests":[{"custom_id":"a","params":{}}],"webhook_url":{{{value}}}}""");
            }

            if (value is not "null" and not "7")
            {
                yield return Json("types", $"expires_in_seconds {value}", $$$"""{"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":{{{value}}}}""");
            }
        }
    }

    private static IEnumerable<BadCase> Utf8()
    {
        byte[][] sequences = [[0xC3, 0x28], [0xFF], [0xFE], [0x80], [0xC0, 0xAF], [0xE2, 0x28, 0xA1], [0xED, 0xA0, 0x80], [0xF0, 0x28, 0x8C, 0xBC], [0xF8, 0xA1, 0xA1, 0xA1], [0xC3]];
        foreach (var bytes in sequences)
        {
            var name = Convert.ToHexString(bytes);
            yield return Around("params", """{"requests":[{"custom_id":"a","params":{"x":" """, bytes, "\"}}]}");
            yield return Around("custom_id", """{"requests":[{"custom_id":"a""", bytes, "\",\"params\":{}}]}");
            yield return Around("key of params", """{"requests":[{"custom_id":"a","params":{"x""", bytes, "\":1}}]}");
            yield return Around("stage", """{"stage":"x""", bytes, "\",\"requests\":[{\"custom_id\":\"a\",\"params\":{}}]}");
            yield return Around("no string", """{"requests":[""", bytes, "]}");

            BadCase Around(string where, string before, byte[] middle, string after)
                => new("utf8", $"{name} in {where}", [.. Encoding.UTF8.GetBytes(before), .. middle, .. Encoding.UTF8.GetBytes(after)]);
        }

        yield return new BadCase("utf8", "UTF-16", Encoding.Unicode.GetBytes(Good));
        yield return new BadCase("utf8", "UTF-32", Encoding.UTF32.GetBytes(Good));
        yield return new BadCase("utf8", "byte order mark", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Good)]);
        yield return new BadCase("utf8", "zeros", new byte[1000]);
    }

    private static IEnumerable<BadCase> Duplicates()
    {
        foreach (var (name, body) in new[]
        {
            ("requests", """{"requests":[{"custom_id":"a","params":{}}],"requests":[{"custom_id":"b","params":{}}]}"""),
            ("requests, escaped", """{"requests":[{"custom_id":"a","params":{}}],"\u0072equests":[]}"""),
            ("custom_id", """{"requests":[{"custom_id":"a","custom_id":"a","params":{}}]}"""),
            ("params", """{"requests":[{"custom_id":"a","params":{},"params":{}}]}"""),
            ("stage", """{"stage":"email","stage":"polish","requests":[{"custom_id":"a","params":{}}]}"""),
            ("webhook_url", """{"webhook_url":"https://example.com","webhook_url":"https://example.com","requests":[{"custom_id":"a","params":{}}]}"""),
            ("expires_in_seconds", """{"expires_in_seconds":1,"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":2}"""),
            ("custom_id of two entries", """{"requests":[{"custom_id":"a","params":{}},{"custom_id":"a","params":{}}]}"""),
            ("two objects", Good + Good),
            ("trailing comma", Good + ","),
            ("comment", "/* */" + Good),
        })
        {
            yield return Json("duplicates", name, body);
        }
    }

    private static IEnumerable<BadCase> Encodings()
    {
        var request = $$$"""{"custom_id":"row-#","params":{"text":"{{{new string('x', 500_000)}}}"}}""";
        var requests = string.Join(',', Enumerable.Range(0, 64).Select(i => request.Replace("#", $"{i}", StringComparison.Ordinal)));
        foreach (var (name, content) in new[]
        {
            ("requests", Encoding.UTF8.GetBytes($$$"""{"requests":[{{{requests}}}]}""")),
            ("white space", Encoding.UTF8.GetBytes("{" + new string(' ', 64 << 20))),
            ("one string", Encoding.UTF8.GetBytes("{\"requests\":[{\"custom_id\":\"" + new string('x', 64 << 20))),
        })
        {
            foreach (var encoding in new[] { "gzip", "deflate", "br" })
            {
                yield return Encoded($"bomb of {name}", encoding, Encode(encoding, content), 413, "request_too_large");
            }
        }

        var good = Encoding.UTF8.GetBytes(Good);
        foreach (var encoding in new[] { "gzip", "deflate", "br" })
        {
            yield return Encoded("not encoded", encoding, good);
            yield return Encoded("first half", encoding, Encode(encoding, good)[..100]);
            yield return Encoded("encoded twice", encoding, Encode(encoding, Encode(encoding, good)));
            yield return Encoded("empty", encoding, []);
            yield return Encoded("random bytes", encoding, RandomBytes(1000));
            yield return Encoded("wrong encoding", encoding, Encode(encoding == "gzip" ? "deflate" : "gzip", good));
        }

        foreach (var encoding in new[] { "zstd", "compress", "gzip, gzip", "gzip;q=1", "nonsense", "base64" })
        {
            yield return Encoded("unsupported", encoding, good);
        }

        static BadCase Encoded(string name, string encoding, byte[] body, int status = 400, string type = "invalid_request_error")
            => new("encodings", $"{encoding}: {name}", body, status, type) { Headers = [("content-encoding", encoding)] };
    }

    private static IEnumerable<BadCase> Verbs()
    {
        const string Id = "msgbatch_0100000000000000000000000";
        foreach (var (path, verbs) in new[]
        {
            ("/v1/messages/batches", "PUT PATCH DELETE OPTIONS"),
            ($"/v1/messages/batches/{Id}", "PUT PATCH POST OPTIONS"),
            ($"/v1/messages/batches/{Id}/results", "PUT PATCH POST DELETE OPTIONS"),
            ($"/v1/messages/batches/{Id}/events", "PUT PATCH POST DELETE"),
            ("/v1/models", "PUT PATCH POST DELETE"),
            ("/v1/models/mistral-7b", "PUT PATCH POST DELETE"),
            ("/openapi.json", "PUT POST DELETE"),
            ("/docs", "PUT POST DELETE"),
        })
        {
            foreach (var verb in verbs.Split(' '))
            {
                yield return new BadCase("verbs", $"{verb} {path}", [], 405) { Method = verb, Path = path };
            }
        }
    }

    private static IEnumerable<BadCase> Headers()
    {
        yield return new BadCase("headers", "no key", Encoding.UTF8.GetBytes(Good), 401, "authentication_error") { WithKey = false };
        foreach (var (header, value) in new[]
        {
            ("x-api-key", "wrong"), ("x-api-key", ""), ("x-api-key", new string('k', 10_000)), ("authorization", "Bearer"), ("authorization", "Bearer wrong"), ("authorization", "Basic eDp5"),
            ("authorization", "nonsense"),
        })
        {
            yield return new BadCase("headers", $"{header} {value[..Math.Min(12, value.Length)]}", Encoding.UTF8.GetBytes(Good), 401, "authentication_error")
            {
                WithKey = false,
                Headers = [(header, value)],
            };
        }

        foreach (var (header, value) in new[]
        {
            ("anthropic-version", "latest"), ("anthropic-version", ""), ("anthropic-version", "2023-06-01 x"), ("anthropic-version", "20230601"), ("anthropic-version", new string('1', 5_000)),
            ("idempotency-key", ""), ("idempotency-key", "a b"), ("idempotency-key", new string('k', 256)),
        })
        {
            yield return new BadCase("headers", $"{header} {value[..Math.Min(12, value.Length)]}", Encoding.UTF8.GetBytes(Good)) { Headers = [(header, value)] };
        }
    }

    private static IEnumerable<BadCase> Paths()
    {
        foreach (var path in new[]
        {
            "/v1", "/v1/nowhere", "/v1/messages/batches/x/nowhere", "/v2/messages/batches", "/v1/messages/batches/nonsense", "/v1/messages/batches/msgbatch_01",
            "/v1/messages/batches/msgbatch_01zzzzzzzzzzzzzzzzzzzzzz", "/v1/messages/batches/msgbatch_0100000000000000000000000/results", "/v1/messages/batches/%7B%7D",
            "/v1/messages/batches/..%2F..%2Fetc", "/v1/messages/batches/%E2%98%83", $"/v1/messages/batches/{new string('x', 5_000)}", "/v1/messages/batches/nonsense/results?partial=true",
            "/v1/messages/batches/nonsense/events", "/v1/models/nonsense", $"/v1/models/{new string('x', 5_000)}",
        })
        {
            yield return new BadCase("paths", path[..Math.Min(80, path.Length)], [], 404, "not_found_error") { Method = "GET", Path = path };
        }
    }

    private static IEnumerable<BadCase> Queries()
    {
        foreach (var query in new[]
        {
            "limit=0", "limit=-1", "limit=1001", "limit=1.5", "limit=ten", "limit=99999999999999999999", "limit=1&limit=2", "after_id=nonsense", "before_id=nonsense", "after_id=%00",
        })
        {
            yield return new BadCase("queries", query, []) { Method = "GET", Path = $"/v1/models?{query}" };
        }
    }

    private static BadCase Json(string category, string name, string body, int status = 400, string type = "invalid_request_error")
        => new(category, name, Encoding.UTF8.GetBytes(body), status, type);

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(Seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Encode(string encoding, byte[] content)
    {
        var encoded = new MemoryStream();
        using (Stream encoder = encoding switch
        {
            "gzip" => new GZipStream(encoded, CompressionLevel.Fastest),
            "deflate" => new ZLibStream(encoded, CompressionLevel.Fastest),
            _ => new BrotliStream(encoded, CompressionLevel.Fastest),
        })
        {
            encoder.Write(content);
        }

        return encoded.ToArray();
    }

    private static bool IsJson(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
