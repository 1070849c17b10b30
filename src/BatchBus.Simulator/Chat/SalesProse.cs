namespace BatchBus.Simulator.Chat;

/// <summary>Stock sentences for the four stages of a sales pipeline, put together by a request's key.</summary>
internal static class SalesProse
{
    private static readonly string[] Situations =
    [
        "The company has grown by acquisition and now runs several systems side by side; a consolidation project is under way.",
        "Hiring is concentrated in operations and customer service, which points to volume that the present tools no longer carry.",
        "A new site opens within the year, and management has named delivery times as its first measure of success.",
        "Revenue is steady, but margins are under pressure from freight and energy, so cost per order is watched closely.",
        "The product range doubled in two years, while planning still happens in spreadsheets that a few people own.",
        "A recent audit asked for better records of who changed what, and the team answers it with manual lists today.",
    ];

    private static readonly string[] Buyers =
    [
        "The likely buyer is the head of operations; finance signs, and IT has a veto on anything that holds customer data.",
        "The person written to owns the budget, but decides together with the plant managers.",
        "Decisions of this size go to a small committee that meets every month; a written business case helps.",
        "The contact is new in the role and will want a visible result in the first two quarters.",
        "Procurement joins early and asks for references in the same industry.",
    ];

    private static readonly string[] Risks =
    [
        "Main risk: a competing internal project. Suggested opening: ask what happens to late orders today.",
        "Main risk: the budget year has just begun. Suggested opening: a short paid pilot at one site.",
        "Main risk: loyalty to the present supplier. Suggested opening: the gap in reporting that they mention themselves.",
        "Main risk: little time in the peak season. Suggested opening: a result from a company of the same size.",
        "Main risk: an unclear owner. Suggested opening: propose a call with operations and finance together.",
    ];

    private static readonly string[] Subjects =
    [
        "1. A shorter path from order to delivery",
        "1. What late orders cost you in March",
        "1. One question about your new site",
        "1. Fewer spreadsheets before peak season",
        "1. Your planners' Monday mornings",
        "1. Two hours back per shift",
    ];

    private static readonly string[] SecondSubjects =
    [
        "2. How a team of your size cut returns by a fifth",
        "2. Before the next audit asks",
        "2. An idea for the first two quarters",
        "2. Is reporting still done by hand?",
        "2. The cost per order nobody sees",
        "2. Worth 15 minutes before the budget closes?",
    ];

    private static readonly string[] ThirdSubjects =
    [
        "3. Next week: a short look at your order flow?",
        "3. From three systems to one view",
        "3. A pilot that pays for itself",
        "3. What your customers notice first",
        "3. Planning without the night shift",
    ];

    private static readonly string[] Openings =
    [
        "Congratulations on the new site. Growth of that kind is usually where order handling starts to hurt first.",
        "Your team's post about delivery times caught my eye, because the same problem comes up in most plants that we talk to.",
        "Running several systems after an acquisition is hard enough without having to merge their reports every Monday.",
        "When freight and energy get dearer, the cost per order is the number that still can be moved.",
        "I noticed that you are hiring in customer service; often that is cheaper to solve one step earlier.",
    ];

    private static readonly string[] Offers =
    [
        "We help operations teams see every late order a day before the customer does. A manufacturer of your size cut its expediting cost by a third in ten weeks.",
        "Our planners' desk puts orders, stock and transport on one page. Teams report two hours less manual work per shift.",
        "We connect to the systems that you have and replace none of them. The first report usually runs within a week.",
        "With us, exceptions reach the right person with a proposal attached, so that most of them take one click.",
        "We take the manual checks out of order entry, and every change stays traceable for the auditors.",
    ];

    private static readonly string[] Asks =
    [
        "Would 15 minutes on Tuesday or Thursday suit you, to see whether that fits?",
        "If it is of interest, I can send a one-page example from your industry. Shall I?",
        "Who in your team would be the right person to judge this?",
        "May I show you the numbers of a comparable site next week?",
        "Is this a topic for this quarter, or should I come back in the next one?",
    ];

    private static readonly string[] Edits =
    [
        "Thank you for the time last week. I took one thing away above all: late orders cost you more than the discounts do.",
        "You mentioned that reports take your planners most of Monday. That is the part which we can take over first.",
        "Here is the short version: one pilot site, six weeks, a fixed price, and a result that you can measure yourselves.",
        "I have kept this brief, because the point is simple: fewer manual checks, the same control.",
        "Since your new site opens soon, I would rather propose something small that works by then.",
    ];

    private static readonly string[] EditNotes =
    [
        "(Edited: shorter sentences, one request instead of three, no superlatives.)",
        "(Edited: the benefit comes first, jargon is gone, the closing question is concrete.)",
        "(Edited: passive voice removed, the number has its source, friendlier closing.)",
        "(Edited: a third shorter, the same facts, one clear next step.)",
    ];

    private static readonly string[] Generals =
    [
        "In short: yes, with one condition. The figures should be confirmed with the team that owns them before they leave the house.",
        "There are two sound ways to go about this. The first is quicker, the second is easier to keep up over a year.",
        "The main points are the timing, the person who decides, and the proof that similar teams already got the result.",
        "I would begin with the smallest step that shows a result, and plan the rest once that is measured.",
    ];

    private static readonly string[] GeneralClosings =
    [
        "If more detail helps, the next thing to look at is the cost per order before and after.",
        "A short summary for the account record: interest is real, the budget is open, the next step is a call.",
        "What is missing is a date; I suggest to agree on one before anything else.",
    ];

    /// <summary>
    /// Finds the topic by its words, in the system message first: it states the task, while a user message also holds the words
    /// of its material, such as a draft email to polish.
    /// </summary>
    public static SalesTopic TopicOf(string system, string user)
    {
        var topic = TopicOf(system);
        return topic == SalesTopic.General ? TopicOf(user) : topic;
    }

    /// <summary>The prose for a key, always the same.</summary>
    public static string Write(SalesTopic topic, ulong key)
    {
        var dice = key;
        return topic switch
        {
            SalesTopic.Research => $"{Pick(Situations, ref dice)} {Pick(Buyers, ref dice)}\n{Pick(Risks, ref dice)}",
            SalesTopic.Subject => $"{Pick(Subjects, ref dice)}\n{Pick(SecondSubjects, ref dice)}\n{Pick(ThirdSubjects, ref dice)}",
            SalesTopic.Email => $"{Pick(Openings, ref dice)}\n\n{Pick(Offers, ref dice)}\n\n{Pick(Asks, ref dice)}",
            SalesTopic.Polish => $"{Pick(Edits, ref dice)} {Pick(Asks, ref dice)}\n\n{Pick(EditNotes, ref dice)}",
            SalesTopic.General => $"{Pick(Generals, ref dice)} {Pick(GeneralClosings, ref dice)}",
            _ => throw new ArgumentOutOfRangeException(nameof(topic), topic, null),
        };
    }

    private static SalesTopic TopicOf(string text)
    {
        return Has("subject line") ? SalesTopic.Subject
            : Has("polish") || Has("rewrite") || Has("edit ") ? SalesTopic.Polish
            : Has("research") || Has("brief") ? SalesTopic.Research
            : Has("email") ? SalesTopic.Email
            : SalesTopic.General;

        bool Has(string words) => text.Contains(words, StringComparison.OrdinalIgnoreCase);
    }

    private static string Pick(string[] choices, ref ulong dice)
    {
        dice = SimulatedAnswer.Mix(dice + 0x9E3779B97F4A7C15);
        return choices[dice % (ulong)choices.Length];
    }
}
