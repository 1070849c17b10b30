using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Tests.Mapping;

public sealed class ContentMappingTests
{
    private const string Image = """{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"}}""";
    private const string ImageChat = """{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K"}}""";

    // Blocks of one user message, and the content that they become.
    [TestCase("""{"type":"text","text":"a"}""", "\"a\"")]
    [TestCase("""{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":null},{"type":"text","text":"b"}""", "\"a\\nb\"")]
    [TestCase(Image, $"[{ImageChat}]")]
    [TestCase($$"""{"type":"text","text":"a"},{{Image}},{"type":"text","text":"b"}""", $$"""[{"type":"text","text":"a"},{{ImageChat}},{"type":"text","text":"b"}]""")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/webp","data":"AA=="},"cache_control":null}""", """[{"type":"image_url","image_url":{"url":"data:image/webp;base64,AA=="}}]""")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AA=="}}""", """[{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,AA=="}}]""")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"AA=="}}""", """[{"type":"image_url","image_url":{"url":"data:image/gif;base64,AA=="}}]""")]
    [TestCase("""{"type":"image","source":{"type":"url","url":"https://h/a?b=\u0026c"}}""", """[{"type":"image_url","image_url":{"url":"https://h/a?b=&c"}}]""")]
    [TestCase("""{"type":"document","source":{"type":"text","media_type":"text/plain","data":"body"}}""", "\"body\"")]
    [TestCase("""{"type":"document","title":"T","context":"C","citations":{"enabled":false},"source":{"type":"text","media_type":"text/plain","data":"body"}},{"type":"text","text":"q"}""", "\"T\\nC\\nbody\\nq\"")]
    public void Maps_what_the_user_sends(string blocks, string expected) => Assert.That(
        MappedModels.Written($$"""{"max_tokens":8,"messages":[{"role":"user","content":[{{blocks}}]}]}""", MappedModels.Seeing),
        Is.EqualTo($$"""{"model":"served","messages":[{"role":"user","content":{{expected}}}],"max_tokens":8,"temperature":1}"""));

    // Blocks of one assistant message between two user messages, and the messages that they become.
    [TestCase("""{"type":"text","text":"b"}""", """{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}""")]
    [TestCase("""{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"b"}""", """{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}""")]
    [TestCase("""{"type":"redacted_thinking","data":"x"},{"type":"text","text":"b"},{"type":"text","text":"b"}""", """{"role":"user","content":"a"},{"role":"assistant","content":"bb"},{"role":"user","content":"c"}""")]
    [TestCase("""{"type":"thinking","thinking":"","signature":""}""", """{"role":"user","content":"a\nc"}""")]
    public void Maps_what_the_assistant_said(string blocks, string expected) => Assert.That(
        MappedModels.Written($$"""{"max_tokens":8,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{{blocks}}]},{"role":"user","content":"c"}]}""", MappedModels.TextOnly),
        Is.EqualTo($$"""{"model":"served","messages":[{{expected}}],"max_tokens":8,"temperature":1}"""));

    [TestCase("\"a\"", "\"S\\n\\na\"")]
    [TestCase("""[{"type":"text","text":"a"},{"type":"text","text":"b"}]""", "\"S\\n\\na\\nb\"")]
    [TestCase($"[{Image}]", $$"""[{"type":"text","text":"S"},{{ImageChat}}]""")]
    public void A_model_without_the_system_role_gets_the_system_prompt_from_the_user(string content, string expected) => Assert.That(
        MappedModels.Written($$"""{"max_tokens":8,"messages":[{"role":"user","content":{{content}}},{"role":"assistant","content":"x"},{"role":"user","content":"y"}],"system":"S"}""", MappedModels.WithoutSystemRole),
        Is.EqualTo($$"""{"model":"served","messages":[{"role":"user","content":{{expected}}},{"role":"assistant","content":"x"},{"role":"user","content":"y"}],"max_tokens":8,"temperature":1}"""));

    [Test]
    public void A_model_may_take_more_stop_sequences() => Assert.That(
        MappedModels.Written("""{"max_tokens":8,"messages":[{"role":"user","content":"a"}],"stop_sequences":["1","2","3","4","5","6"]}""", MappedModels.Seeing),
        Does.Contain("""
            "stop":["1","2","3","4","5","6"]
            """));

    [TestCase("image")]
    [TestCase("document")]
    public void Only_the_user_sends(string type) => Assert.That(
        MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"{{type}}"}]}]}""", MappedModels.Seeing),
        Is.EqualTo($"messages.1.content.0.type: Content blocks of type '{type}' belong into a message of the role 'user'"));

    [Test]
    public void A_model_without_eyes_refuses_an_image() => Assert.That(
        Refusal(Image, MappedModels.TextOnly), Is.EqualTo("type: Content blocks of type 'image' are not supported by this model; send text"));

    // One block of a user message, and what is wrong with it.
    [TestCase("""{"type":"image"}""", "source: Field required")]
    [TestCase("""{"type":"image","source":"x"}""", "source: Input should be an object")]
    [TestCase("""{"type":"image","source":{}}""", "source.type: Field required")]
    [TestCase("""{"type":"image","source":{"type":"file","file_id":"f"}}""", "source.type: There is no Files API here; send the image as base64 or url")]
    [TestCase("""{"type":"image","source":{"type":"disk"}}""", "source.type: Input tag 'disk' found using 'type' does not match any of the expected tags: 'base64', 'url'")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/tiff","data":"AA=="}}""", "source.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")]
    [TestCase("""{"type":"image","source":{"type":"base64","data":"AA=="}}""", "source.media_type: Field required")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/png"}}""", "source.data: Field required")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/png","data":""}}""", "source.data: Input should be the image's bytes in base64")]
    [TestCase("""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"data:image/png;base64,AA=="}}""", "source.data: Input should be the image's bytes in base64")]
    [TestCase("""{"type":"image","source":{"type":"url","url":"file:///etc/passwd"}}""", "source.url: Input should be an http or https address")]
    [TestCase("""{"type":"image","source":{"type":"url","url":"/a.png"}}""", "source.url: Input should be an http or https address")]
    [TestCase("""{"type":"image","source":{"type":"url","url":"https://h","detail":"low"}}""", "source.detail: Extra inputs are not permitted")]
    [TestCase("""{"type":"image","alt":"x","source":{}}""", "alt: Extra inputs are not permitted")]
    [TestCase("""{"type":"document"}""", "source: Field required")]
    [TestCase("""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}""", "source.type: Documents of type 'base64' are not supported by this model; send the document's text")]
    [TestCase("""{"type":"document","source":{"type":"text","data":""}}""", "source.data: Input should be non-empty")]
    [TestCase("""{"type":"document","title":1,"source":{"type":"text","data":"a"}}""", "title: Input should be a valid string")]
    [TestCase("""{"type":"document","citations":{"enabled":true},"source":{"type":"text","data":"a"}}""", "citations: Citations are not supported by this server; leave them out")]
    [TestCase("""{"type":"search_result","source":"s","title":"t","content":[]}""", "type: Content blocks of type 'search_result' are not supported by this model; send text")]
    [TestCase("""{"type":"server_tool_use","id":"s","name":"web_search","input":{}}""", "type: Content blocks of type 'server_tool_use' are not supported by this model; send text")]
    [TestCase("""{"type":"web_search_tool_result","tool_use_id":"s","content":[]}""", "type: Content blocks of type 'web_search_tool_result' are not supported by this model; send text")]
    [TestCase("""{"type":"container_upload","file_id":"f"}""", "type: Content blocks of type 'container_upload' are not supported by this model; send text")]
    [TestCase("""{"type":"thinking","thinking":"a","signature":"b"}""", "type: Content blocks of type 'thinking' belong into a message of the role 'assistant'")]
    [TestCase("""{"type":"redacted_thinking","data":"b"}""", "type: Content blocks of type 'redacted_thinking' belong into a message of the role 'assistant'")]
    public void Refuses_a_block(string block, string message) => Assert.That(Refusal(block, MappedModels.Seeing), Is.EqualTo(message));

    [TestCase("""{"type":"thinking","signature":"b"}""", "thinking: Field required")]
    [TestCase("""{"type":"thinking","thinking":"a"}""", "signature: Field required")]
    [TestCase("""{"type":"redacted_thinking"}""", "data: Field required")]
    public void Refuses_a_thought(string block, string message) => Assert.That(
        MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{{block}}]}]}""", MappedModels.TextOnly),
        Is.EqualTo($"messages.1.content.0.{message}"));

    private static string? Refusal(string block, CatalogModel model)
    {
        var message = MappedModels.RefusalOf($$"""{"max_tokens":8,"messages":[{"role":"user","content":[{{block}}]}]}""", model);
        Assert.That(message, Does.StartWith("messages.0.content.0."));
        return message!["messages.0.content.0.".Length..];
    }
}
