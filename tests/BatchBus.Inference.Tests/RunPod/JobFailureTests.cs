using System.Globalization;
using System.Text;
using BatchBus.Inference.RunPod;
using CsCheck;

namespace BatchBus.Inference.Tests.RunPod;

public sealed class JobFailureTests
{
    // Mostly what one of the two quotations escapes.
    private static readonly Gen<string> Texts = Gen.String[Gen.OneOf(Gen.OneOf(@"'""\ntru{} ,:".ToCharArray()), Gen.OneOf("\n\r\t\0\u00a0\u2028äx".ToCharArray()), Gen.Char), 0, 40].Where(IsText);

    [Test]
    public void A_refusal_by_the_model_server_refuses_the_request() =>
        Assert.That(
            JobFailure.Read("""{'message': 'vLLM returned HTTP 400: {"error":{"message":"Can\'t use a top_k of -5\\nhere","type":"BadRequestError","param":null,"code":400}}', 'type': 'worker_error', 'code': None}"""),
            Is.EqualTo(new InferenceOutcome.Refused("invalid_request_error", "Can't use a top_k of -5\nhere")));

    [TestCase("""{'message': 'vLLM returned HTTP 400: {"error":{"message":"This model\'s maximum context length is 8192 tokens. However, you requested 512 output tokens","code":400}}', 'type': 'worker_error', 'code': None}""")]
    [TestCase("""{'message': "vLLM returned HTTP 400: This model's maximum context length is 8192 tokens and cut off he", 'type': 'worker_error', 'code': None}""")]
    [TestCase("""{'message': "This model's maximum context length is 8192 tokens.", 'type': 'BadRequestError', 'param': None, 'code': 400}""")]
    [TestCase("""handler: This model's maximum context length is 8192 tokens.""")]
    public void A_prompt_that_does_not_fit_is_named_as_such_in_every_shape(string error) =>
        Assert.That(JobFailure.Read(error), Is.EqualTo(
            new InferenceOutcome.Refused("invalid_request_error", "prompt is too long: prompt and max_tokens together exceed the model's 8192 tokens")));

    [TestCase("""{'message': 'vLLM returned HTTP 422: <html>', 'type': 'worker_error', 'code': None}""", "The model server refused the request (HTTP 422).")]
    [TestCase("""{'message': 'bad value', 'type': 'BadRequestError', 'param': None, 'code': 400}""", "bad value")]
    [TestCase("""{'message': "it's bad", 'type': 'BadRequestError', 'param': None, 'code': 400}""", "it's bad")]
    public void A_refusal_is_found_in_other_shapes_too(string error, string message) =>
        Assert.That(JobFailure.Read(error), Is.EqualTo(new InferenceOutcome.Refused("invalid_request_error", message)));

    [TestCase("""{'message': 'vLLM returned HTTP 404: {"error":{"message":"no such model","code":404}}', 'type': 'worker_error', 'code': None}""", InferenceError.UnknownModel)]
    [TestCase("""{'message': 'vLLM returned HTTP 500: {"error":{"message":"secret","code":500}}', 'type': 'worker_error', 'code': None}""", InferenceError.ServerError)]
    [TestCase("""{'message': 'vLLM returned HTTP 503: secret', 'type': 'worker_error', 'code': None}""", InferenceError.Unavailable)]
    [TestCase("""{'message': 'vLLM server process is not running; worker is unhealthy', 'type': 'worker_error', 'code': None}""", InferenceError.EngineDown)]
    [TestCase("""{'message': 'Request to vLLM failed: Connection refused secret', 'type': 'worker_error', 'code': None}""", InferenceError.EngineDown)]
    [TestCase("""{'message': 'Job input must contain one of: openai_input (+openai_route), route', 'type': 'worker_error', 'code': None}""", InferenceError.Misconfigured)]
    [TestCase("""{'message': 'secret', 'type': 'InternalServerError', 'param': None, 'code': 500}""", InferenceError.ServerError)]
    [TestCase("handler: secret \ntraceback: Traceback (most recent call last):\n  File", InferenceError.JobFailed)]
    [TestCase("""{"error_type":"<class 'RuntimeError'>","error_message":"CUDA out of memory secret","error_traceback":"...","hostname":"h","worker_id":"w"}""", InferenceError.JobFailed)]
    [TestCase("", InferenceError.JobFailed)]
    public void Any_other_failure_is_sorted_and_tells_no_secret(string error, InferenceError expected)
    {
        var outcome = JobFailure.Read(error);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.ErrorOf(outcome), Is.EqualTo(expected));
            Assert.That(((InferenceOutcome.Failed)outcome).Message, Does.Not.Contain("secret"));
        }
    }

    [Test]
    public void Any_words_of_the_model_server_survive_the_two_quotations() => Texts.Sample(words =>
    {
        var body = System.Text.Json.JsonSerializer.Serialize(new { error = new { message = $"w {words}", code = 400 } });
        var error = $"{{'message': {PythonRepr($"vLLM returned HTTP 400: {body}")}, 'type': 'worker_error', 'code': None}}";
        return JobFailure.Read(error) is InferenceOutcome.Refused refused && refused.Message == $"w {words}";
    });

    [Test]
    public void Unescaping_undoes_what_Python_escapes() => Texts.Sample(text => JobFailure.UnescapePython(PythonRepr(text)[1..^1]) == text);

    [Test]
    public void Never_throws_whatever_the_error() => Gen.String.Sample(error => JobFailure.Read(@"{'message': 'vLLM returned HTTP 400: \" + error) is not null);

    private static bool IsText(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) == text;

    /// <summary>What Python's <c>repr</c> makes of a string.</summary>
    private static string PythonRepr(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var literal = new StringBuilder().Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '\n' => literal.Append("\\n"),
                '\r' => literal.Append("\\r"),
                '\t' => literal.Append("\\t"),
                '\\' => literal.Append("\\\\"),
                var c when c == quote => literal.Append('\\').Append(quote),
                < 0x20 or (>= 0x7f and <= 0xa0) or 0xad => literal.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
                0x2028 or 0x2029 or 0xfeff => literal.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
                0xe0001 => literal.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
                _ => literal.Append(rune.ToString()),
            };
        }

        return literal.Append(quote).ToString();
    }
}
