"""Writes golden.jsonl.gz and variants.json.gz: texts and their ids by the reference.

Needs tokenizers 0.23.3, babel 2.18.0 and Python 3.11 (whose unicodedata names
code points and draws the random texts):

    python generate.py

golden.jsonl.gz, a line a text: {"kind", "text" or "bytes" (base64), "ids",
"normal"}, the ids by ../../../models/builtin/all-minilm-l6-v2/tokenizer.json,
truncated to 256, not padded, and the CRC-32 of the normalised text. Kind "real" is language as people write it; where from is
in README.md. variants.json.gz has other normalizers, added tokens, templates,
vocabularies and lengths.
"""

import base64
import csv
import gzip
import json
import os
import random
import sys
import unicodedata
import zlib

import babel
import tokenizers
from babel import Locale
from babel.localedata import locale_identifiers
from tokenizers import Tokenizer, normalizers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
MINILM = os.path.join(ROOT, "models", "builtin", "all-minilm-l6-v2", "tokenizer.json")

SENTENCES = """
The quick brown fox jumps over the lazy dog; it's 5 o'clock already, isn't it?
Déjà vu: l'été dernier, à Nîmes, un garçon naïf mangeait une crème brûlée.
Falsches Üben von Xylophonmusik quält jeden größeren Zwerg in der Straße.
El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Añoraba a su niño?
À noite, vovô Kowalsky vê o ímã cair no pé do pinguim queixoso.
Perché così tardi? La città è già buia, però c'è ancora il caffè.
Blåbærsyltetøy på skiver er kjempegodt, sa den sære gamle ørnen.
Flygande bäckasiner söka hwila på mjuka tuvor.
Kæmi ný öxi hér, ykist þjófum nú bæði víl og ádrepa.
Törkylempijävongahdus: yö on pitkä ja äiti nukkuu jo.
Pchnąć w tę łódź jeża lub ośm skrzyń fig. Zażółć gęślą jaźń!
Příliš žluťoučký kůň úpěl ďábelské ódy.
Árvíztűrő tükörfúrógép: a kisfiú őszibarackot evett.
Vand fraza așa că țâșnește și râde: „bună ziua, România!”
Gojaznim đačić s biciklom drži hmelj i finu vatu u džepu nošnje.
Įlinkdama fechtuotojo špaga sublykčiojusi pragręžė apvalų arbūzą.
Glāžšķūņa rūķīši dzērumā čiepj Baha koncertflīģeļu vākus.
Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul'da IŞIK ılık.
Tiếng Việt có nhiều dấu thanh: à, ả, ã, á, ạ – và người ta viết đầy đủ.
Mae'r gath yn cysgu ar y gadair, a'r ci yn gwylio'r tŷ ŵyn.
Ọjọ́ dára, ẹ káàárọ̀; àwọn ọmọ ń ṣeré ní ìta.
Ubuntu ngumuntu ngabantu; siyabonga kakhulu.
Nilifika nyumbani jioni, watoto walikuwa wanacheza mpira.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Ο Οδυσσέας γύρισε στην Ιθάκη.
Μῆνιν ἄειδε, θεά, Πηληϊάδεω Ἀχιλῆος οὐλομένην, ἣ μυρί᾽ Ἀχαιοῖς ἄλγε᾽ ἔθηκε.
Съешь же ещё этих мягких французских булок, да выпей чаю.
Жебракують філософи при ґанку церкви в Гадячі, ще й шатро їхнє п'яне знаємо.
Ах, чудна българска земьо, полюшвай цъфтящи жита.
Љубазни фењерџија чађавог лица хоће да ми покаже штос.
Ѕидарски пејзаж: шугав билмез со чудење џвака ќофте и кељ на туѓ цех.
Щётка, ёлка, йод — қазақша: Әліппе, ұлы дала, өмір мен үміт.
Монгол хэл: Өнөөдөр тэнгэр цэлмэг, үүлгүй байна.
Бу – татарча җөмлә: Әйдәгез, дуслар, бергә җырлыйк!
דג סקרן שט בים מאוכזב ולפתע מצא חברה. שָׁלוֹם עֲלֵיכֶם
אַ מענטש טראַכט און גאָט לאַכט.
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق.
اَلْحَمْدُ لِلَّهِ رَبِّ الْعَالَمِينَ، القِطَّةُ تَنامُ عَلى الكُرْسِيّ.
گربه روی صندلی می‌خوابد و باران آرام می‌بارد؛ چای آماده است.
بلی کرسی پر سو رہی ہے اور باہر ہلکی بارش ہو رہی ہے۔
پیشی لەسەر کورسییەکە نووستووە، دەرگاکە داخە.
ئۈرۈمچىدە بۈگۈن ھاۋا ئوچۇق، بالىلار ئويناۋاتىدۇ.
ܫܠܡܐ ܥܠܝܟܘܢ ܐܚܝ̈ ܘܚܬ̈ܝ
ދިވެހިރާއްޖެއަކީ ރީތި ޤައުމެކެވެ.
बिल्ली कुर्सी पर सो रही है और बाहर हल्की बारिश हो रही है।
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णुवतार भगवान श्रीराम।
मांजर खुर्चीवर झोपले आहे, आणि पाऊस पडत आहे.
नेपाली: बिरालो कुर्सीमा सुतिरहेको छ।
বিড়ালটি চেয়ারে ঘুমাচ্ছে, বাইরে বৃষ্টি পড়ছে; চা তৈরি হয়ে গেছে।
মেকুৰীটো চকীত শুই আছে।
ਬਿੱਲੀ ਕੁਰਸੀ ਉੱਤੇ ਸੌਂ ਰਹੀ ਹੈ ਅਤੇ ਬਾਹਰ ਮੀਂਹ ਪੈ ਰਿਹਾ ਹੈ।
બિલાડી ખુરશી પર સૂઈ રહી છે અને બહાર વરસાદ પડે છે.
ବିଲେଇଟି ଚେୟାର ଉପରେ ଶୋଇଛି ଏବଂ ବାହାରେ ବର୍ଷା ହେଉଛି।
பூனை நாற்காலியில் தூங்குகிறது, வெளியே மழை பெய்கிறது.
పిల్లి కుర్చీ మీద నిద్రపోతోంది, బయట వర్షం పడుతోంది.
ಬೆಕ್ಕು ಕುರ್ಚಿಯ ಮೇಲೆ ಮಲಗಿದೆ, ಹೊರಗೆ ಮಳೆ ಬರುತ್ತಿದೆ.
പൂച്ച കസേരയിൽ ഉറങ്ങുന്നു, പുറത്ത് മഴ പെയ്യുന്നു.
බළලා පුටුව උඩ නිදාගෙන සිටී, එළියේ වැස්ස වැටේ.
แมวนอนหลับอยู่บนเก้าอี้ ข้างนอกฝนตกปรอย ๆ น้ำชาพร้อมแล้ว
ແມວນອນຫຼັບຢູ່ເທິງຕັ່ງ ຂ້າງນອກຝົນຕົກ.
ཞི་མི་ཁུ་སྟེགས་སྟེང་དུ་གཉིད་ཁུག་འདུག
ကြောင်လေးက ကုလားထိုင်ပေါ်မှာ အိပ်နေတယ်၊ အပြင်မှာ မိုးရွာနေတယ်။
ឆ្មាកំពុងដេកលើកៅអី ហើយខាងក្រៅមានភ្លៀងធ្លាក់។
კატას სკამზე სძინავს, გარეთ კი წვიმს; ჩაი მზადაა.
Կատուն քնած է աթոռի վրա, դրսում անձրև է գալիս, և թեյը պատրաստ է։
ድመቷ ወንበሩ ላይ ተኝታለች፣ ውጭ ዝናብ እየዘነበ ነው።
ሰላም፡ እንታይ ትገብር ኣለኻ? ጽቡቕ።
ᎠᏂᏴᏫᏯ ᎦᏬᏂᎯᏍᏗ ᏙᎯᏧ? Ꭰꭱ ꮳꮃꭹ
ᐃᓄᒃᑎᑐᑦ: ᖁᔭᓐᓇᒦᒃ, ᓇᓗᓇᐃᖅᓯᒪᔪᖅ.
ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ᠌ ᠲᠡᠷᠢᠭᠦᠨ
ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ, ⵎⴰⵎⵏⴽ ⵜⴳⵉⵎ?
ߒߞߏ ߞߊ߲ ߦߋ߫ ߞߊ߲߫ ߢߌ߬ߡߊ߬ ߘߏ߫ ߟߋ߬ ߘߌ߫
猫在椅子上睡觉，外面下着小雨；茶已经泡好了。
貓在椅子上睡覺，外面下著小雨。「茶已經泡好了！」他說。
いろはにほへと ちりぬるを。猫は椅子の上で眠っていて、外は雨だ。
ハーゲンダッツのアイスクリームをﾊﾝｶｸｶﾅで書く。パピプペポ、ヴァイオリン
고양이가 의자 위에서 자고 있고, 밖에는 비가 내린다. 차가 준비되었습니다.
다람쥐 헌 쳇바퀴에 타고파. 훈민정음: 나랏〮말〯ᄊᆞ미〮 中듀ᇰ國귁에〮 달아〮
""".strip().split("\n")

# Words and letters of rarer scripts.
LETTERS = """
ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ: საქართველო, ႠႡႢ ⴀⴁⴂ
ꨀꨇꩀꨩ ꨌꩌ ꨆꩇ, ᬅᬓ᭄ᬱᬭ ᬩᬮᬶ, ꦲꦏ꧀ꦱꦫꦗꦮ
ᜊᜌ᜔ᜊᜌᜒᜈ᜔, ᨒᨚᨈᨑ, ᮃᮊ᮪ᮞᮛ ᮞᮥᮔ᮪ᮓ
𐐔𐐇𐐝𐐀𐐡𐐇𐐓 𐐏𐐁𐐗 𐐒𐐋𐐗 𐐒𐐌 𐐜 𐐡𐐀𐐖𐐇𐐤𐐓𐐝
𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪: 𞤭𞤲𞥆𞤢𞤥𞤢 𞤲𞥋𞤣𞤫𞤪
𑀓𑀸𑀮𑀓 𑄌𑄋𑄴𑄟𑄳𑄦 ꯃꯤꯇꯩꯂꯣꯟ ᱥᱟᱱᱛᱟᱲᱤ
""".strip().split("\n")


def real(rng):
    """Texts that people wrote: where from is in README.md."""
    yield from SENTENCES
    for path in (("LICENSE",), ("models", "builtin", "LICENSE"), ("models", "builtin", "NOTICE")):
        with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
            whole = f.read()
        yield whole
        yield from (p for p in whole.split("\n\n") if p.strip())
    with open(os.path.join(ROOT, "testdata", "emoji", "emoji.csv"), encoding="utf-8") as f:
        names = [row["name"] for row in csv.DictReader(f)]
    yield from rng.sample(names, 500)
    yield from cldr(rng)


def cldr(rng):
    """Names of territories, languages, currencies, months and days in every language of the CLDR."""
    for language in sorted({x.split("_")[0] for x in locale_identifiers()}):
        wanted = [language] + [x for x in locale_identifiers() if x.split("_")[0] == language and len(x) == len(language) + 5]
        for name in sorted(wanted):  # by script, where there are several
            if name == "root":
                continue
            locale = Locale.parse(name)
            lists = [
                list(locale.territories.values()),
                list(locale.languages.values()),
                list(locale.currencies.values()),
                list(locale.months["format"]["wide"].values()),
                list(locale.days["format"]["wide"].values()),
            ]
            pool = sorted({str(s) for names in lists for s in names if str(s).strip()})
            for s in rng.sample(pool, min(7, len(pool))):
                yield s
            words = [str(s) for names in lists for s in names]
            for k in (4, 12):
                yield ", ".join(rng.sample(words, min(k, len(words))))
    for language in ("ar", "el", "he", "hi", "ja", "ka", "ko", "ru", "th", "vi", "zh"):  # longer than 256 tokens
        yield "; ".join(str(s) for s in Locale.parse(language).languages.values())


def nasty():
    """Texts made to be wrong."""
    yield from ["", " ", "\n", "\x00", "\ufeff", "\ufffd", "\u200b", "\u0301", "\u3000", "a", "##", "##ing", "-", "…"]
    yield from ["[CLS]", "[SEP]", "[PAD][UNK][MASK]", "a[SEP]b", "[sep]", "[SEP", "SEP]", "[[SEP]]", " [MASK] ", "[CLS][CLS]x",
                "the [MASK] of France", "[UNK]", "[unused5]", "[MA\u200bSK]", "[ＭＡＳＫ]", "[SE\x00P]", "[[[[[[[SEP]]]]]]]"]
    for n in (99, 100, 101, 200, 5000):
        yield "a" * n
        yield "é" * n
        yield "e\u0301" * n
        yield "ß" * n + " x"
        yield "ж" * n
        yield "中" * n
        yield "한" * n
        yield "\u1112\u1161\u11ab" * n
        yield "." * n
        yield "😀" * n
        yield "antidisestablishmentarianism" * (n // 28 + 1)
        yield "a" * n + "中" + "b" * n
        yield "\u0301" * n + "a" * 100 + "\u0301" * n
        yield "x\u302e" * n
    yield "word " * 300
    yield ("word " * 253) + "internationalization"
    yield ("word " * 254) + "internationalization"
    yield ("word " * 252) + "antidisestablishmentarianism [SEP] end"
    yield ("word " * 253) + "[MASK] [MASK] [MASK]"
    yield "\r\n".join(["line one", "line two\r", "\tindented", "\x0bvt \x0cff \x1c\x1d\x1e\x1f \x85nel \u2028ls\u2029ps"])
    yield "no\u00a0break\u202fnarrow\u2007figure\u2060joiner\ufeffbom\u180emvs\u200bzwsp\u200cnj\u200dj\u00adshy"
    yield "\u202eright to left\u202c \u2066isolate\u2069 \u200fRLM\u200eLRM \u061cALM"
    yield "İstanbul I\u0307 ı ŞĞÜ ǅ ǈ ŉ ΐ ﬃ ﬀ ẞ ß ς Σ ΟΔΥΣΣΕΥΣ ΑΣ. Σ ΑΣΑ ϐ K Å Ω ſ"
    yield "A\u030a\u0323 A\u0323\u030a q\u0307\u0323 \u1e9b\u0323 \u0f71\u0f72\u0f74 \u0f73 \u0344 \u0958 \u2126 \u212b \u1f82"
    yield "\U0001d15e\U0001d15f\U0001d160\U0001d164 \U0001d157\U0001d165\U0001d16e \U0001d157\U0001d16e\U0001d165 \U0001d158\U0001d16d\U0001d165\u0334"
    yield "가\u302f\u302e 나\u302e\u302f\u0301 \u302f\u0334\u302e x\u1d16d"
    yield "\u1100\u1161 \u1100\u1161\u11a8 \uac00\u11a8 \uac01\u11a8 \u115f\u1160 \ua960\ud7b0\ud7cb"
    yield "e" + "\u0301\u0323\u0334\u0345" * 40 + "x" + "\u0e38\u0e48" * 30
    yield "e" + "\u0301" * 31 + "\u302e" + "\u0323" * 31 + "\u302f"
    yield "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ©️ ™ ☎︎ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 👨🏿‍🚀❤️"
    yield "private \ue000\uf8ff\U000f0000\U0010fffd unassigned \u0378\u2fe0\U0001ffff\ufdd0\ufffe\uffff\U000e0080\U0010ffff"
    yield "quotes “a” ‘b’ «c» ‹d› „e‟ 「f」 ｢g｣ ・ ー 〜 ～ ´ ` ^ ~ ¨ ¯ ¸ ¦ § ¶ † ‡ • … ‰ ′ ″ ※ ‽ ⁂ ₠ € ₿ № ℃ ½ ² ³ ₂ ⅷ ① ㊀ ㍿ ﷺ ﷽"
    yield "math ∑∫√∞≠≤≥±×÷∂∇ 𝐀𝑎𝒜𝔄𝕒 Ｆｕｌｌｗｉｄｔｈ　１２３ ﹏ ﹪ ＄ ＾ ｀ ＋ ＜ ＝ ＞ ｜ ～ ￠"
    yield "\U0002b820\U0002b91f\U0002b920 \U0002a6df\U0002a700 \u9fff\ua000 \u4dbf\u4dc0 \ufa0e\ufa10 \U0002f800\U0002fa1f \U00030000 々〆〇ヶ"
    yield "mixed аpple (Cyrillic a), раураl, ѕсоре, Αθήνα2004, ñandú—中文abcかなカナ한글ไทย123"
    yield "https://example.org/a_b-c?d=e&f=%20#g user@host.com C:\\dir\\file.txt $HOME/.rc {json: [1, 2.5e-3, null]} <b>x</b>"
    yield "don't can't o'clock rock'n'roll e.g. U.S.A. 3.14 1,000,000 1st 50% C++ C# .NET #hashtag @mention snake_case camelCase"
    for c in (0x7F, 0x80, 0x9F, 0xA0, 0xAD, 0x600, 0x6DD, 0x70F, 0x890, 0x8E2, 0x110BD, 0x110CD, 0x13430, 0x1BCA0, 0x1D173, 0xE0001):
        yield "a" + chr(c) + "b"
    # Marks younger than the tables of the reference, alone and reordered.
    young = [c for c in range(0x300, 0x1F000) if unicodedata.combining(chr(c))]
    for i in range(0, len(young), 9):
        yield "e" + "".join(chr(c) for c in young[i : i + 9]) + "o" + "".join(chr(c) for c in reversed(young[i : i + 9]))


def random_texts(rng):
    """Code points of all planes, by several distributions."""
    marks = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)).startswith("M")]
    composed = [chr(c) for c in range(0x110000) if unicodedata.decomposition(chr(c)) and not unicodedata.decomposition(chr(c)).startswith("<")]
    upper = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in ("Lu", "Lt")]
    punctuation = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c))[0] in "PS"]
    survivors = ["\u302e", "\u302f", "\U0001d165", "\U0001d166", "\U0001d16d", "\U0001d172", "\U0001d160", "\u1734", "\u0334", "\u0301", "\u093c", "\u200d", "\U00016ff0"]
    odd = list("\x00\t\r\n \u00a0\u00ad\u0130\u0345\u200b\u200c\u200d\u2028\u3000\ufeff\ufffd[]#'İßςΣ") + ["[SEP]", "[MASK]", "##"]

    def any_plane():
        while True:
            c = rng.randrange(0x110000)
            if not 0xD800 <= c <= 0xDFFF:
                return chr(c)

    def any_named():
        while True:
            c = rng.randrange(0x20000)
            if unicodedata.name(chr(c), ""):
                return chr(c)

    draws = [
        (4, any_plane),
        (6, any_named),
        (4, lambda: chr(rng.randrange(0x20, 0x7F))),
        (3, lambda: chr(rng.randrange(0xA0, 0x800))),
        (3, lambda: rng.choice(marks)),
        (3, lambda: rng.choice(composed)),
        (2, lambda: rng.choice(upper)),
        (2, lambda: rng.choice(punctuation)),
        (2, lambda: rng.choice(survivors)),
        (2, lambda: rng.choice(odd)),
        (2, lambda: " "),
        (1, lambda: chr(rng.randrange(0xAC00, 0xD7A4))),
        (1, lambda: chr(rng.randrange(0x4E00, 0xA000))),
    ]
    for _ in range(900):
        kinds = rng.sample(draws, rng.randrange(1, 6))
        weights = [w for w, _ in kinds]
        n = rng.choice((1, 2, 3, 5, 8, 13, 21, 34, 90))
        yield "".join(rng.choices(kinds, weights)[0][1]() for _ in range(n))


def broken(rng):
    """Bytes that are not UTF-8: the reference gets them with U+FFFD for each maximal bad part."""
    yield from [b"\xff", b"a\xffb", b"\xc3", b"\xe2\x82", b"a\xe2\x82b", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80",
                b"\xc0\x80", b"\xe0\x80\xaf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80\x80", b"\xef\xbb\xbfbom",
                b"[SE\xffP]", b"[SEP]\xff[SEP]", b"caf\xe9 na\xefve", "Привет".encode("cp1251"), "日本語".encode("shift_jis"), "a中b".encode("utf-16")]
    for _ in range(60):
        b = bytearray("naïve 中文 😀 한글 [SEP] ok é".encode())
        for _ in range(rng.randrange(1, 6)):
            i = rng.randrange(len(b))
            if rng.random() < 0.5:
                b[i] = rng.randrange(256)
            else:
                del b[i]
        yield bytes(b)


def load(patch, lowercase, max_length):
    with open(MINILM, encoding="utf-8") as f:
        d = json.load(f)
    d.update(patch)
    t = Tokenizer.from_str(json.dumps(d))
    if lowercase:
        first = normalizers.Lowercase()
        t.normalizer = normalizers.Sequence([first, t.normalizer]) if t.normalizer else first
    t.enable_truncation(max_length)
    t.no_padding()
    return t


def write_golden():
    rng = random.Random(20250307)
    t = load({}, False, 256)
    texts = [("names", unicodedata.name(chr(c))) for c in rng.sample([c for c in range(0x20000) if unicodedata.name(chr(c), "")], 150)]
    texts += [("real", s) for s in real(rng)]
    texts += [("letters", s) for s in LETTERS]
    texts += [("nasty", s) for s in nasty()]
    texts += [("random", s) for s in random_texts(rng)]
    texts += [("broken", b) for b in broken(rng)]
    seen, lines = set(), []
    for kind, s in texts:
        if s in seen:
            continue
        seen.add(s)
        line = {"kind": kind}
        if isinstance(s, bytes):
            line["bytes"] = base64.b64encode(s).decode()
            s = s.decode("utf-8", "replace")
        else:
            line["text"] = s
        line["ids"] = t.encode(s).ids
        # Most words of rare scripts are unknown, so ids alone show little of them.
        line["normal"] = zlib.crc32(t.normalizer.normalize_str(s).encode())
        lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    write("golden.jsonl.gz", "\n".join(lines) + "\n")
    print(len(lines), "texts")


def added(*tokens):
    """MiniLM's added tokens and more, with the ids that follow the vocabulary."""
    with open(MINILM, encoding="utf-8") as f:
        d = json.load(f)
    out, n = d["added_tokens"], len(d["model"]["vocab"])
    for content, flags in tokens:
        t = {"id": d["model"]["vocab"].get(content, n), "content": content, "special": "s" in flags}
        n += t["id"] == n
        for flag, name in (("w", "single_word"), ("l", "lstrip"), ("r", "rstrip"), ("n", "normalized")):
            t[name] = flag in flags
        out.append(t)
    return out


def bert(clean=True, chinese=True, accents=None, lower=True):
    return {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": accents, "lowercase": lower}


def tiny(vocab, unk="[UNK]", prefix="##", chars=100):
    return {"type": "WordPiece", "unk_token": unk, "continuing_subword_prefix": prefix, "max_input_chars_per_word": chars,
            "vocab": {w: i for i, w in enumerate(vocab)}}


def template(*pieces, **special):
    single = []
    for p in pieces:
        name, _, typ = p.partition(":")
        kind, name = ("Sequence", name[1:]) if name[0] == "$" else ("SpecialToken", name)
        single.append({kind: {"id": name, "type_id": int(typ or 0)}})
    return {"type": "TemplateProcessing", "single": single, "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {k: {"id": k, "ids": v, "tokens": ["x"] * len(v)} for k, v in special.items()}}


def write_variants():
    rng = random.Random(20250308)
    some = [s for s in nasty() if len(s) <= 600]
    some += rng.sample(SENTENCES, 30) + list(random_texts(rng))[:250]
    spelled = ["new york", "New York City", "newyork", "a New  York b", "NEW YORK new york", "x<tag>y", "x <tag> y", "  <tag>  <tag>\n<tag>",
               "<tag><tag2>", "<tag2>x</tag>", "ab abc abcd abcde", "xab ab_ ab1 ab. .ab é ab\u0301 \u0301ab 中ab中", "ab中 日本ab", "日本 日本語 x日本語y",
               "Café CAFÉ cafe\u0301 cafe", "a  b   c", "a b b", "  a  b", "a\u3000\n b", "ab\u200dab ab\u00adab", "[SEP] ab [SEP]", "İ i\u0307 İab", "the cat the", "the  cat",
               "한국 \u1112\u1161\u11ab\u1100\u116e\u11a8", "\u0345ab", "ab\u0345", "\u0939\u0940ab", "٣ab", "ab٣", "_ab", "ab‿", "ab²", "①ab", "ab\ue000", "ab\U00011f02"]
    small = tiny(["[UNK]", "a", "b", "ab", "##a", "##b", "##ab", "##bab", "c", "é", "##é", "中", "##中", "hello", "##", "##x", "x", "#", "."])
    many = [("new york", "n"), ("<tag>", "lr"), ("<tag2>", "s"), ("</tag>", "n"), ("ab", "w"), ("abcd", ""), ("日本", "n"), ("Café", "nw"),
            (" b", ""), ("the cat", "nlr"), ("한국", "n"), ("İ", "n")]
    variants = [
        ("cased", {"normalizer": bert(lower=False)}, False, "", 256),
        ("cased, accents stripped", {"normalizer": bert(lower=False, accents=True)}, False, "", 256),
        ("uncased, accents kept", {"normalizer": bert(accents=False)}, False, "", 256),
        ("not cleaned", {"normalizer": bert(clean=False)}, False, "", 256),
        ("not cleaned, cased", {"normalizer": bert(clean=False, lower=False)}, False, "", 256),
        ("no spaces around ideographs", {"normalizer": bert(chinese=False)}, False, "", 256),
        ("nothing normalised", {"normalizer": None}, False, "", 256),
        ("lower-cased first", {"normalizer": bert(lower=False)}, True, "", 256),
        ("lower-cased first, uncased", {}, True, "", 256),
        ("lower-cased only", {"normalizer": None}, True, "", 256),
        ("prefix", {}, False, "query: Ünï\u0301", 256),
        ("prefix with a token", {}, False, "[MASK] [SE", 256),
        ("7 tokens", {}, False, "", 7),
        ("3 tokens", {}, False, "", 3),
        ("512 tokens", {}, False, "", 512),
        ("BertProcessing", {"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 103], "cls": ["[CLS]", 7]}}, False, "", 9),
        ("no template", {"post_processor": None}, False, "", 9),
        ("template", {"post_processor": template("a:3", "b", "$A:2", "c:1", "a", a=[1, 2, 3], b=[], c=[5])}, False, "", 20),
        ("template, text last", {"post_processor": template("a:1", "$A", a=[9])}, False, "", 20),
        ("added tokens", {"added_tokens": added(*many)}, False, "", 256),
        ("added tokens, cut", {"added_tokens": added(*many)}, False, "", 6),
        ("added tokens, cased", {"added_tokens": added(*many), "normalizer": bert(lower=False)}, False, "", 256),
        ("added tokens, lower-cased first", {"added_tokens": added(*many), "normalizer": bert(lower=False)}, True, "", 256),
        ("added tokens, normalised only", {"added_tokens": added(("ab", "nw"), ("New York", "nl"), ("<TAG>", "nr"), ("日本語", "n"), ("日本", "n"))}, False, "", 256),
        ("added tokens, plain only", {"added_tokens": added(("ab", "l"), ("abcd", "w"), (" ", ""), ("a ", "r"), ("b", "lw"))}, False, "", 256),
        ("small vocabulary", {"model": small, "added_tokens": [], "post_processor": None}, False, "", 256),
        ("no prefix", {"model": dict(small, continuing_subword_prefix=""), "added_tokens": [], "post_processor": None}, False, "", 256),
        ("short words", {"model": dict(small, max_input_chars_per_word=3), "added_tokens": [], "post_processor": None}, False, "", 256),
        ("no words", {"model": dict(small, max_input_chars_per_word=0), "added_tokens": [], "post_processor": None}, False, "", 256),
    ]
    letters = ["".join(rng.choice(("a", "b", "ab", "c", "é", "x", "#", " ", "中", "É", ".", "hello")) for _ in range(rng.randrange(1, 14))) for _ in range(120)]
    out = []
    for name, patch, lowercase, prefix, n in variants:
        t = load(patch, lowercase, n)
        texts = rng.sample(some, 110) + (spelled if "added" in name else []) + (letters if "model" in patch else spelled[:8])
        cases = []
        for s in texts:
            e = t.encode(prefix + s)
            cases.append({"text": s, "ids": e.ids, "types": e.type_ids})
        # The file is MiniLM's with the parts of patch in place of its own.
        out.append({"name": name, "patch": patch, "lowercase": lowercase, "prefix": prefix, "max_len": n, "cases": cases})
    write("variants.json.gz", json.dumps(out, ensure_ascii=False, separators=(",", ":")))
    print(sum(len(v["cases"]) for v in out), "texts in", len(out), "variants")


def write(name, s):
    path = os.path.join(HERE, name)
    with open(path, "wb") as f:
        f.write(gzip.compress(s.encode(), 9, mtime=0))
    print(name, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    assert tokenizers.__version__ == "0.23.3" and babel.__version__ == "2.18.0" and sys.version_info[:2] == (3, 11)
    write_golden()
    write_variants()
