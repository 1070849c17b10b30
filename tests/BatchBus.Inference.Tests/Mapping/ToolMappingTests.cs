using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class ToolMappingTests
{
    private const string Ask = """{"role":"user","content":"Rain?"}""";
    private const string Sun = """{"type":"tool_use","id":"toolu_AAAAAAAA1","name":"weather","input":{"city": "Graz","n":[1, 2]}}""";
    private const string SunChat = """{"id":"AAAAAAAA1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Graz\",\"n\":[1,2]}"}}""";
    private const string Called = $$"""{{Ask}},{"role":"assistant","content":[{{Sun}}]}""";
    private const string CalledChat = $$"""{{Ask}},{"role":"assistant","content":"","tool_calls":[{{SunChat}}]}""";
    private const string Clock = """{"name":"clock","input_schema":{"type":"object"}}""";
    private const string ClockChat = """{"type":"function","function":{"name":"clock","parameters":{"type":"object"}}}""";

    // Tools and choice in the params, and what they become in the chat request.
    [TestCase($$""" "tools":[{{Clock}}] """, $$""" "tools":[{{ClockChat}}] """)]
    [TestCase(""" "tools":[{"type":"custom","name":"f_-9","description":"Tells \u00e4.","input_schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},"strict":true}] """,
        """ "tools":[{"type":"function","function":{"name":"f_-9","description":"Tells ä.","parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},"strict":true}}] """)]
    [TestCase(""" "tools":[{"type":null,"name":"f","description":null,"input_schema":{},"strict":false,"cache_control":{"type":"ephemeral"}}] """,
        """ "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}] """)]
    [TestCase(""" "tools":[{"name":"f","input_schema":{"properties":{}},"allowed_callers":["direct"],"defer_loading":true,"eager_input_streaming":true,"input_examples":[{}]}] """,
        """ "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}] """)]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"auto"} """, $$""" "tools":[{{ClockChat}}],"tool_choice":"auto" """)]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"any"} """, $$""" "tools":[{{ClockChat}}],"tool_choice":"required" """)]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"none"} """, $$""" "tools":[{{ClockChat}}],"tool_choice":"none" """)]
    [TestCase($$""" "tool_choice":{"type":"tool","name":"clock"},"tools":[{{Clock}}] """,
        $$$""" "tools":[{{{ClockChat}}}],"tool_choice":{"type":"function","function":{"name":"clock"}} """)]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true} """,
        $$""" "tools":[{{ClockChat}}],"tool_choice":"auto","parallel_tool_calls":false """)]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"any","disable_parallel_tool_use":false} """, $$""" "tools":[{{ClockChat}}],"tool_choice":"required" """)]
    public void Maps_tools(string fields, string expected) => Assert.That(
        MappedModels.Written($$"""{"max_tokens":8,"messages":[{{Ask}}],{{fields}}}""", MappedModels.TextOnly),
        Is.EqualTo($$"""{"model":"served","messages":[{{Ask}}],"max_tokens":8,"temperature":1,{{expected.Trim()}}}"""));

    // Messages in the params, and messages in the chat request.
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"Dry."}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry."}""", TestName = "A call and its result")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1"}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":""}""", TestName = "A result without content")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":null,"is_error":null,"cache_control":null}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":""}""", TestName = "A result that is null")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"no net","is_error":true}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Error: no net"}""", TestName = "A failed tool")]
    [TestCase($$$"""{{{Called}}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","is_error":false,"content":[{"type":"text","text":"Dry."},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Hot."}}]}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry.\nHot."}""", TestName = "A result of several blocks")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"text","text":"Here:"},{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"Dry."},{"type":"text","text":"So?"}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry."},{"role":"user","content":"Here:\nSo?"}""", TestName = "Results before the rest of the turn")]
    [TestCase($$$"""{{{Called}}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":[{"type":"image","source":{"type":"url","url":"https://h/i.png"}},{"type":"text","text":"Seen."}]},{"type":"text","text":"So?"}]}""",
        $$$"""{{{CalledChat}}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Seen."},{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://h/i.png"}},{"type":"text","text":"So?"}]}""",
        TestName = "An image in a result is shown by the user")]
    [TestCase($$$"""{{{Ask}}},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},{{{Sun}}},{"type":"tool_use","id":"toolu_BBBBBBBB2","name":"clock","input":{},"caller":{"type":"direct"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_BBBBBBBB2","content":"9"},{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"Dry."}]},{"role":"assistant","content":"No."},{"role":"user","content":"OK"}""",
        $$$"""{{{Ask}}},{"role":"assistant","content":"I look.","tool_calls":[{{{SunChat}}},{"id":"BBBBBBBB2","type":"function","function":{"name":"clock","arguments":"{}"}}]},{"role":"tool","tool_call_id":"BBBBBBBB2","content":"9"},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry."},{"role":"assistant","content":"No."},{"role":"user","content":"OK"}""",
        TestName = "Two calls, thoughts dropped, results as they come")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"Dry."}]},{"role":"user","content":"So?"}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry."},{"role":"user","content":"So?"}""", TestName = "A result and a text in two messages")]
    [TestCase($$"""{{Called}},{"role":"user","content":"Wait."},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":"Dry."}]}""",
        $$"""{{CalledChat}},{"role":"tool","tool_call_id":"AAAAAAAA1","content":"Dry."},{"role":"user","content":"Wait."}""", TestName = "A text and a result in two messages")]
    [TestCase($$"""{{Ask}},{"role":"assistant","content":"I "},{"role":"assistant","content":[{{Sun}},{"type":"text","text":"look."}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1"}]}""",
        $$"""{{Ask}},{"role":"assistant","content":"I look.","tool_calls":[{{SunChat}}]},{"role":"tool","tool_call_id":"AAAAAAAA1","content":""}""", TestName = "A call in a later message of the same side")]
    public void Maps_calls_and_results(string messages, string expected) => Assert.That(
        MappedModels.Written($$"""{"max_tokens":8,"messages":[{{messages}}]}""", MappedModels.Seeing),
        Is.EqualTo($$"""{"model":"served","messages":[{{expected}}],"max_tokens":8,"temperature":1}"""));

    [TestCase(""" "tools":{} """, "tools: Input should be a valid list")]
    [TestCase(""" "tools":[1] """, "tools.0: Input should be an object")]
    [TestCase(""" "tools":[{"input_schema":{}}] """, "tools.0.name: Field required")]
    [TestCase(""" "tools":[{"name":"a b","input_schema":{}}] """, "tools.0.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")]
    [TestCase(""" "tools":[{"name":"f"}] """, "tools.0.input_schema: Field required")]
    [TestCase(""" "tools":[{"name":"f","input_schema":"{}"}] """, "tools.0.input_schema: Input should be an object")]
    [TestCase(""" "tools":[{"name":"f","input_schema":{"type":"string"}}] """, "tools.0.input_schema.type: Input should be 'object'")]
    [TestCase(""" "tools":[{"name":"f","input_schema":{},"description":1}] """, "tools.0.description: Input should be a valid string")]
    [TestCase(""" "tools":[{"name":"f","input_schema":{},"strict":"yes"}] """, "tools.0.strict: Input should be a valid boolean")]
    [TestCase(""" "tools":[{"name":"f","input_schema":{},"parameters":{}}] """, "tools.0.parameters: Extra inputs are not permitted")]
    [TestCase($$""" "tools":[{{Clock}},{{Clock}}] """, "tools.1.name: Tool names must be unique; 'clock' is used twice")]
    [TestCase($$""" "tools":[{{Clock}},{"type":"web_search_20260318","name":"web_search","max_uses":2}] """,
        "tools.1.type: Tools of type 'web_search_20260318' run on Anthropic's servers and are not supported by this one; leave it out, or define a tool of type 'custom' and run it yourself")]
    [TestCase(""" "tool_choice":"auto" """, "tool_choice: Input should be an object")]
    [TestCase(""" "tool_choice":{} """, "tool_choice.type: Field required")]
    [TestCase(""" "tool_choice":{"type":"required"} """, "tool_choice.type: Input tag 'required' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")]
    [TestCase(""" "tool_choice":{"type":"auto","name":"clock"} """, "tool_choice.name: Extra inputs are not permitted")]
    [TestCase(""" "tool_choice":{"type":"none","disable_parallel_tool_use":true} """, "tool_choice.disable_parallel_tool_use: Extra inputs are not permitted")]
    [TestCase(""" "tool_choice":{"type":"auto","disable_parallel_tool_use":1} """, "tool_choice.disable_parallel_tool_use: Input should be a valid boolean")]
    [TestCase(""" "tool_choice":{"type":"tool"} """, "tool_choice.name: Field required")]
    [TestCase(""" "tool_choice":{"type":"any"} """, "tool_choice: 'any' may only be specified while providing tools")]
    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"tool","name":"watch"} """, "tool_choice.name: Tool 'watch' is not among the tools; name one of them")]
    [TestCase($$""" "output_config":{"format":{"type":"json_schema","schema":{} } },"tools":[{{Clock}}],"tool_choice":{"type":"tool","name":"clock"} """,
        "output_config.format: Cannot be combined with a tool_choice of type 'any' or 'tool'; leave one of them out")]
    public void Refuses_bad_tools(string fields, string message) =>
        Assert.That(MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{{Ask}}],{{fields}}}""", MappedModels.TextOnly), Is.EqualTo(message));

    [TestCase(Called, "messages.1.content.0: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_AAAAAAAA1; answer each one in the next message")]
    [TestCase($$"""{{Called}},{"role":"user","content":"never mind"}""",
        "messages.1.content.0: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_AAAAAAAA1; answer each one in the next message")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1"},{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1"}]}""",
        "messages.2.content.1.tool_use_id: 'toolu_AAAAAAAA1' is answered twice; send one `tool_result` block for each `tool_use` block")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}""",
        "messages.2.content.0.tool_use_id: The message before this one has no `tool_use` block with the id 't'")]
    [TestCase($$"""{{Ask}},{"role":"assistant","content":[{{Sun}},{{Sun}}]}""", "messages.1.content.1.id: `tool_use` ids must be unique; 'toolu_AAAAAAAA1' is used twice")]
    [TestCase($$$"""{{{Ask}}},{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{}}]}""", "messages.1.content.0.id: Field required")]
    [TestCase($$$"""{{{Ask}}},{"role":"assistant","content":[{"type":"tool_use","id":"a b","name":"f","input":{}}]}""", "messages.1.content.0.id: String should match pattern '^[a-zA-Z0-9_-]+$'")]
    [TestCase($$$"""{{{Ask}}},{"role":"assistant","content":[{"type":"tool_use","id":"a","input":{}}]}""", "messages.1.content.0.name: Field required")]
    [TestCase($$$"""{{{Ask}}},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"","input":{}}]}""", "messages.1.content.0.name: String should have 1 to 200 characters")]
    [TestCase($$"""{{Ask}},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f"}]}""", "messages.1.content.0.input: Field required")]
    [TestCase($$"""{{Ask}},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":"{}"}]}""", "messages.1.content.0.input: Input should be an object")]
    [TestCase("""{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}""", "messages.0.content.0.type: Content blocks of type 'tool_use' belong into a message of the role 'assistant'")]
    [TestCase($$"""{{Ask}},{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"a"}]}""", "messages.1.content.0.type: Content blocks of type 'tool_result' belong into a message of the role 'user'")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result"}]}""", "messages.2.content.0.tool_use_id: Field required")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":7}]}""", "messages.2.content.0.content: Input should be a valid string or a list of content blocks")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","content":[{"type":"search_result"}]}]}""",
        "messages.2.content.0.content.0.type: Content blocks of type 'search_result' are not supported by this model; send text")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","is_error":"no"}]}""", "messages.2.content.0.is_error: Input should be a valid boolean")]
    [TestCase($$"""{{Called}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_AAAAAAAA1","id":"x"}]}""", "messages.2.content.0.id: Extra inputs are not permitted")]
    public void Refuses_bad_calls_and_results(string messages, string message) =>
        Assert.That(MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{{messages}}]}""", MappedModels.TextOnly), Is.EqualTo(message));

    [TestCase($$""" "tools":[{{Clock}}],"tool_choice":{"type":"any"} """, "messages: A final assistant message cannot be continued with a tool_choice of type 'any' or 'tool'; end with a user message")]
    [TestCase(""" "output_config":{"format":{"type":"json_schema","schema":{}}} """, "messages: A final assistant message cannot be continued with output_config.format; end with a user message")]
    public void Refuses_to_continue_an_answer_whose_form_is_fixed(string fields, string message) => Assert.That(
        MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{{Ask}},{"role":"assistant","content":"It"}],{{fields}}}""", MappedModels.TextOnly),
        Is.EqualTo(message));

    [TestCase("toolu_AAAAAAAA1", "AAAAAAAA1")]
    [TestCase("AAAAAAAA1", "AAAAAAAA1")]
    public void An_id_of_nine_letters_and_digits_stays(string id, string expected) => Assert.That(new ToolIds().ForModel(id), Is.EqualTo(expected));

    [Test]
    public void Other_ids_become_nine_letters_and_digits_that_stay_the_same_and_never_clash()
    {
        var (ids, later) = (new ToolIds(), new ToolIds());
        string[] all = ["toolu_01A09q90qw90lq917835lq9", "call-1", "toolu_AAAAAAAA1", "AAAAAAAA1", "call-1"];
        var given = all.Select(ids.ForModel).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(given, Is.All.Match("^[0-9A-Za-z]{9}$"));
            Assert.That(given.Distinct().Count(), Is.EqualTo(4));
            Assert.That(given[4], Is.EqualTo(given[1]));
            Assert.That(all.Select(later.ForModel), Is.EqualTo(given));
        }
    }

    [TestCase(null)]
    [TestCase("functions.Bash:0")]
    [TestCase("AAAAAAAA1")]
    public void A_caller_never_gets_an_id_twice(string? id)
    {
        var ids = new ToolIds();
        ids.ForModel("toolu_AAAAAAAA1");
        var given = new[] { ids.ForCaller(id), ids.ForCaller(id), "toolu_AAAAAAAA1" };
        Assert.That(given, Is.Unique.And.All.Match("^toolu_[0-9A-Za-z]{9}$"));
    }
}
