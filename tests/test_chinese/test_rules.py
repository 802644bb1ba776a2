"""The rules of a translation, each shown to fail and to pass. The reference is the Chinese written beside each."""

import pytest

from chinese import glossary, rules


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        ("formulas", "The score $q k$ grows.", "得分 $k q$ 会变大。"),
        ("formulas", "The score $q$ grows.", "得分会变大。"),
        ("code", "Call `softmax(x)` first.", "先调用 `softmax(y)`。"),
        ("code", "Press <kbd>/</kbd> first.", "先按 / 键。"),
        ("links", "See [here](a.ipynb).", "见 [这里](b.ipynb)。"),
        ("links", "See [here](a.ipynb).", "见这里。"),
        ("places", "Last run: %.0f s, %s MB", "最近一次运行：%s MB"),
        ("numbers", "It has 8 heads.", "它有 6 个头。"),
        ("numbers", "It has 8 heads.", "它有几个头。"),
        ("numbers", "It has heads.", "它有 8 个头。"),
        ("numbers", "It has 1.2 million parameters.", "它有 12 万个参数。"),
        ("numbers", "In July 2026.", "在 2026 年 8 月。"),
        ("marks", "**Bold.** Text.", "**粗体。**文字。"),
        ("marks", "**Bold** text.", "粗体文字。"),
        ("marks", "Text.", "*文字*。"),
        ("terms", "The attention of each row.", "每一行的关注。"),
        ("english_left", "What it costs a company each month.", "每月 what it costs a company 的成本。"),
        ("english_left", "Where it breaks", "Where it breaks"),
        ("typography", "One, two.", "一,二。"),
        ("typography", "One (two).", "一(二)。"),
        ("typography", "He said “so”.", '他说"如此"。'),
        ("typography", "And so on", "等等..."),
        ("typography", "With PyTorch it runs.", "用PyTorch运行。"),
        ("typography", "With $x$ it runs.", "用$x$运行。"),
        ("typography", "With `x` it runs.", "用 `x`运行。"),
        ("typography", "It runs well.", "它运行 得好。"),
        ("typography", "With $x$, it runs.", "用 $x$ ，它能运行。"),
        ("typography", "It runs.", "它能跑Ａ。"),
        ("typography", "It runs.", " 它能运行。"),
        ("typography", "63 % of queries", "63 % 的查询"),
        ("typography", "$p$ % of queries", "$p$ % 的查询"),
        ("numbers", "It has three heads.", "它有 4 个头。"),
        ("numbers", "A tenth of it.", "它的 10 倍。"),
        ("authors", "See Vaswani et al. (2017).", "见 Vaswani et al.（2017）。"),
        ("reductions", "Ten times smaller.", "小十倍。"),
        ("reductions", "It is 2.5 times slower.", "慢了 2.5 倍。"),
        ("misread", "It can count.", "它会计数。"),
        ("misread", "More than three bytes.", "三个多字节。"),
        ("misread", "Two hundredths of a nat.", "百分之二奈特。"),
        ("exercises", "**1. By hand.** What is it?", "**1. 手算**：它是什么？"),
        ("excluded", "A share of the revenue.", "收入的份额。"),
        ("excluded", "That may be luck.", "这可能是运气。"),
        ("excluded", "The baseline loses.", "底线（基线）输了。"),
        ("excluded", "The size of the model.", "模型的尺寸。"),
        ("excluded", "The two players.", "两个玩家。"),
        ("excluded", "It is a tie.", "是平局。"),
        ("excluded", "The ridge point.", "拐角即脊点。"),
        ("ending", "It runs.", "它能运行"),
        ("ending", "Does it run?", "它能运行。"),
        ("ending", "The heading", "标题。"),
    ],
)
def test_rule__broken(rule, english, chinese):
    """Each rule finds what it is there for, and says nothing once its exception is written down."""
    assert rule in [name for name, _ in rules.breaches(english, chinese)]
    assert rule not in [name for name, _ in rules.breaches(english, chinese, f"allow {rule}: a reason")]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "**For founders.** It has 1.2 million parameters, see [Attention](a.ipynb).",
            "**写给创业者**：它有 120 万个参数，见[注意力](a.ipynb)。",
        ),
        ("It cost 3,000 dollars in July 2026, 5 % more.", "2026 年 7 月它花了 3000 美元，多 5%。"),
        ("342 billion tokens", "3420 亿个词元"),
        (
            "See [Attention Is All You Need](https://arxiv.org/abs/1706.03762) (2017).",
            "见 [Attention Is All You Need](https://arxiv.org/abs/1706.03762)（2017）。",
        ),
        ("The value of log(1 − D) is $x$, with `f` in a *sentence*.", "log(1 − D) 的值是 $x$，句子里有 `f`。"),
        ("Inkwell", "Inkwell"),
        ("It has three heads, a tenth of 63 %.", "它有 3 个头，是 63% 的 1/10。"),
        ("A multi-byte character.", "多字节字符。"),
        ("**1. By hand.** What is it?", "**1. 手算**。它是什么？"),
        ("It is ten times faster.", "快 10 倍。"),
        ("Why “so”?", "为什么“如此”？"),
        ("At μ² it is −log 4 …", "在 μ² 处，它是 −log 4 ……"),
    ],
)
def test_rules__good(english, chinese):
    """What a good translation does is allowed."""
    assert rules.breaches(english, chinese) == []


def test_terms__longest_first(monkeypatch):
    """`gross margin` asks for its own term, and not for that of a term inside it."""
    found = [glossary.Term("gross margin", ("毛利率",)), glossary.Term("margin", ("边距",))]
    monkeypatch.setattr(glossary, "terms", lambda: found)
    assert rules.terms("Its gross margin.", "它的毛利率。") == []
    assert rules.terms("Its margins.", "它的毛利率。") != []


def test_every_rule_is_shown_to_fail():
    """No rule that cannot fail: each stands in the list above."""
    (marks,) = [mark for mark in test_rule__broken.pytestmark if mark.name == "parametrize"]
    assert {rule for rule, _, _ in marks.args[1]} == set(rules.RULES)
