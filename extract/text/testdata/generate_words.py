"""Writes words.json: what scikit-learn makes of texts in many languages.

Needs scikit-learn 1.9.1 (any Python 3.9 or newer):

    python generate_words.py

Each text stands beside its words by the analyzer of TfidfVectorizer. Those with
letters of scripts without spaces are cut with a pattern that takes each such
letter by itself; for all others it finds what the default pattern finds, which
is checked. "letters" holds the ranges of the code points that \\w finds, as far as
the Unicode of this Python knows them.
"""

import json
import os
import re
import unicodedata

from sklearn.feature_extraction.text import TfidfVectorizer

HERE = os.path.dirname(os.path.abspath(__file__))
UNSPACED = (
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065-\u1066\u106e-\u1070\u1075-\u1081\u108e"
    "\u1780-\u17b3\u17d7\u17dc\u3005-\u3007\u3021-\u3029\u3038-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uaa60-\uaa76\ua9e0-\ua9e4\uf900-\ufaff\uff66-\uff9d\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
PATTERN = rf"(?u)(?=\w)[{UNSPACED}]|(?:(?![{UNSPACED}])\w){{2,}}"

TEXTS = [
    "", " ", "a", "I", "ab", "A b C", "a-b c", "snake_case __init__ _ __", "3.14 42 7 x2 2x H2O",
    "The quick brown fox jumps over the lazy dog.", "Don't can't won't — it's o'clock; rock 'n' roll!",
    "e-mail: someone@example.org, see http://example.org/a?b=c&d=ee", "#hashtag @handle $cash 100% C++ C# .NET",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. STRASSE STRAẞE", "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg",
    "Portez ce vieux whisky au juge blond qui fume; l'été, c'est déjà vu à Noël, cœur, ŒUVRE", "¿Dónde está el niño? ¡Mañana, señor! El pingüino",
    "Pchnąć w tę łódź jeża lub ośm skrzyń fig", "Příliš žluťoučký kůň úpěl ďábelské ódy", "Árvíztűrő tükörfúrógép", "Þú dazt á hnéð í vök",
    "İSTANBUL ISPARTA ığdır Iğdır İ", "Η ΟΔΌΣ ΤΩΝ ΣΟΦΏΝ ΌΤΑΝ ΌΤΑΝ Σ ΣΑΣ ΣΑΣ. ΑΣ'Α ΑΣ’ ΑΣ: ΑΣ:Α ΑΣ5 5Σ aΣ aΣb aΣ\u0301 aΣ\u0301b Σ\u00adα α\u00adΣ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю", "Щастя; їжак — ґанок", "Ђорђе љуљашка",
    "שלום עולם, מה שלומך?", "مرحبا بالعالم، كيف حالك؟ ١٢٣ ٤٥", "سلام دنیا چطوری ۱۲۳", "नमस्ते दुनिया, आप कैसे हैं? १२३", "বাংলা ভাষা সুন্দর", "தமிழ் மொழி", "తెలుగు భాష", "ಕನ್ನಡ", "മലയാളം",
    "안녕하세요 세계 여러분", "Xin chào thế giới, tiếng Việt rất hay", "გამარჯობა მსოფლიო", "Բարեւ աշխարհ", "ሰላም ልዑል",
    "你好,世界!今天天气很好。", "中文 and English混合 text文本 iPhone手机 5G网络", "〇々〆 12三 三12 ①② Ⅷ ½ x² ㎏", "こんにちは世界。カタカナとひらがな、コーヒー ー", "ｶﾀｶﾅ ﾃｽﾄ",
    "สวัสดีชาวโลก วันนี้ดีมาก ๆ ๑๒๓", "ສະບາຍດີ ໂລກ", "မင်္ဂလာပါ ကမ္ဘာ", "សួស្តី ពិភពលោក",
    "naïve cafe\u0301 re\u0301sume\u0301 A\u030angstro\u0308m", "ﬁne ﬂow Ǆ ǅ ǆ Ⓐⓑ ａｂＣ", "👍 good 👨‍👩‍👧 family 🇩🇪 flag ❤️ heart1", "zero\u200bwidth soft\u00adhyphen non\u00a0breaking line\u2028break",
    "tab\tnew\nline\rreturn\x0bvt\x00nul", "𝐁𝐨𝐥𝐝 𝟙𝟚 𐐀𐐁 𐐨𐐩", "ᏣᎳᎩ ꭳꮃꭹ", "a\u0345b Σ\u0345", "x" * 300 + " y",
]


def main():
    default = TfidfVectorizer(ngram_range=(1, 1)).build_analyzer()
    ours = TfidfVectorizer(ngram_range=(1, 1), token_pattern=PATTERN).build_analyzer()
    out = []
    for text in TEXTS:
        words = ours(text)
        if not re.search(f"[{UNSPACED}]", text.lower()):
            assert words == default(text), (text, words, default(text))
        out.append({"text": text, "words": words})
    ucd = unicodedata.unidata_version
    letters = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or unicodedata.category(chr(c)) == "Cn":
            continue
        if re.match(r"\w", chr(c)):
            if letters and letters[-1][1] == c - 1:
                letters[-1][1] = c
            else:
                letters.append([c, c])
    with open(os.path.join(HERE, "words.json"), "w", encoding="utf-8") as f:
        json.dump({"unicode": ucd, "letters": letters, "texts": out}, f, ensure_ascii=True, separators=(",", ":"))
        f.write("\n")


main()
