"""Ten invented persons whose facts the samples of the unseen dialects tell, each dialect in its own way."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

_NAMES = ["周建国", "吴秀英", "郑海涛", "王桂芳", "欧阳振华", "买买提·艾力", "徐立新", "韩雪梅", "冯志强", "曹小燕"]
_FORMER = ["周狗蛋", "", "郑大海", "", "", "", "徐新", "", "冯二", ""]
_SEX = ["1", "2", "1", "2", "1", "1", "1", "2", "1", "2"]
_BORN = [
    "19750312",
    "19880921",
    "19910507",
    "19660230",
    "19791101",
    "19950618",
    "19830109",
    "20010725",
    "19720414",
    "19981203",
]
_PLACES = [
    ("370826", "370826108", "山东省济宁市微山县马坡镇前村12号"),
    ("370828", "370828", "山东省济宁市金乡县金乡街道文化路3号"),
    ("370811", "370811102", "山东省济宁市任城区长沟镇后街村45号"),
    ("370826", "370826108", "山东省济宁市微山县马坡镇南阳路88号院2号楼"),
    ("370828", "370828", "山东省济宁市金乡县鱼山街道奎星路7号"),
]
_ETHNIC = [
    ("01", "汉族"),
    ("01", "汉族"),
    ("03", "回族"),
    ("01", "汉族"),
    ("11", "满族"),
    ("05", "维吾尔族"),
    ("01", "汉族"),
    ("01", "汉族"),
    ("03", "回族"),
    ("01", "汉族"),
]
_EDUCATION = [
    ("70", "初中"),
    ("60", "普通高中"),
    ("80", "小学"),
    ("90", "其他"),
    ("20", "大学本科"),
    ("70", "初中"),
    ("30", "大学专科"),
    ("60", "普通高中"),
    ("80", "小学"),
    ("70", "初中"),
]
_MARRIED = [
    ("20", "已婚"),
    ("10", "未婚"),
    ("20", "已婚"),
    ("30", "丧偶"),
    ("40", "离婚"),
    ("10", "未婚"),
    ("20", "已婚"),
    ("10", "未婚"),
    ("20", "已婚"),
    ("20", "已婚"),
]
_OFFENCES = [
    ["盗窃罪"],
    ["诈骗罪"],
    ["故意伤害罪", "寻衅滋事罪"],
    ["交通肇事罪"],
    ["职务侵占罪"],
    ["危险驾驶罪"],
    ["非法经营罪"],
    ["帮助信息网络犯罪活动罪"],
    ["敲诈勒索罪"],
    ["掩饰、隐瞒犯罪所得罪"],
]
_COURTS = [
    ("370826", "微山县人民法院"),
    ("370828", "金乡县人民法院"),
    ("370800", "济宁市中级人民法院"),
    ("370811", "济宁市任城区人民法院"),
]
_TERMS = [18, 8, 30, 6, 36, 2, 24, 10, 42, 14]
_CATEGORIES = [
    "probation",
    "probation",
    "parole",
    "temporary-execution",
    "probation",
    "public-surveillance",
    "parole",
    "probation",
    "temporary-execution",
    "probation",
]
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def _id_number(place: str, born: str, serial: int) -> str:
    body = f"{place}{born}{serial:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, 28))


def people() -> list[dict[str, Any]]:
    """The ten, each as a flat dict of facts; days are `date`s, so that a template may write them as it likes."""
    found = []
    for n, name in enumerate(_NAMES):
        born = date(int(_BORN[n][:4]), int(_BORN[n][4:6]), min(int(_BORN[n][6:]), 28))
        place, town, address = _PLACES[n % 5]
        home, _, home_address = _PLACES[(n + n // 5 + 1) % 5]
        court, court_name = _COURTS[n % 4]
        decided = date(2022, 3, 1) + timedelta(days=37 * n)
        effective = decided + timedelta(days=11)
        starts = effective + timedelta(days=n % 3)
        term = _TERMS[n]
        probation = term + 6
        prison_from = date(2019, 6, 10) + timedelta(days=41 * n)
        found.append(
            {
                "n": n,
                "serial": f"{n + 1:04d}",
                "name": name,
                "former": _FORMER[n],
                "sex": _SEX[n],
                "sex_word": "男" if _SEX[n] == "1" else "女",
                "born": born,
                "id": _id_number(home, f"{born:%Y%m%d}", 2 * n + 10 + int(_SEX[n] == "1")),
                "ethnic": _ETHNIC[n][0],
                "ethnic_word": _ETHNIC[n][1],
                "education": _EDUCATION[n][0],
                "education_word": _EDUCATION[n][1],
                "married": _MARRIED[n][0],
                "married_word": _MARRIED[n][1],
                "party": "13" if n % 4 else "01",
                "phone": f"1{35 + n % 5}{53700000 + 1317 * n:08d}",
                "place": place,
                "town": town,
                "address": address,
                "home": home,
                "home_address": home_address,
                "court": court,
                "court_name": court_name,
                "case": f"({decided.year})鲁{court[2:]}刑初{57 + 31 * n}号",
                "case_wide": f"（{decided.year}）鲁{court[2:]}刑初{57 + 31 * n}号",
                "notice": f"({effective.year})鲁{court[2:]}刑执{12 + 7 * n}号",
                "decided": decided,
                "effective": effective,
                "starts": starts,
                "ends": _months_later(starts, probation),
                "offences": _OFFENCES[n],
                "kind": "拘役" if term < 7 else "有期徒刑",
                "term": term,
                "probation": probation,
                "term_words": (f"{term // 12}年" if term // 12 else "") + (f"{term % 12}个月" if term % 12 else ""),
                "probation_words": (f"{probation // 12}年" if probation // 12 else "")
                + (f"{probation % 12}个月" if probation % 12 else ""),
                "term_digits": f"{term // 12:02d}{term % 12:02d}00",
                "fine": f"{1000 * (n + 1)}.00",
                "category": _CATEGORIES[n],
                "prison_from": prison_from,
                "prison_to": _months_later(prison_from, term + 48),
                "ruling": f"(2022)鲁08刑更{101 + 13 * n}号",
                "ruled": decided,
                "sent": f"{effective + timedelta(days=3):%Y-%m-%d}T{8 + n % 9:02d}:{(7 * n) % 60:02d}:{(11 * n + 5) % 60:02d}",
                "sent_digits": f"{effective + timedelta(days=3):%Y%m%d}{8 + n % 9:02d}{(7 * n) % 60:02d}{(11 * n + 5) % 60:02d}",
                "due": starts + timedelta(days=10),
                "infectious": n == 3,
                "recidivist": n in (2, 8),
                "guardian": "曹国栋" if n == 9 else "韩大山",
                "pdf": "JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PC9MZW5ndGggNiAwIFI+Pg==",
            }
        )
    return found
