<?php
declare(strict_types=1);

/** The record inside the string: how the prison's system reads it, checks it, and what it answers. */

const MESSAGES = [
    '0' => '接收成功',
    'E001' => '用户名或密码错误',
    'E002' => '报文格式错误',
    'E010' => '必填项缺失',
    'E011' => '日期格式错误',
    'E012' => '代码值不存在',
    'E013' => '证件号码校验不通过',
    'E020' => '非本单位管辖',
    'E030' => '流水号重复且内容不一致',
    'E099' => '系统繁忙，请稍后再试',
];
const HEAD_REQUIRED = ['YWLX', 'FSDW', 'JSDW', 'FSSJ', 'LSH'];
const PERSON_REQUIRED = ['ZFBH', 'XM', 'XBDM', 'CSRQ', 'GMSFHM', 'HJD', 'JZD', 'ZM', 'YPXQ'];
/** For each business type: the element of its record, and what must be there and not empty. */
const REQUIRED = [
    'HZ' => ['HZ', ['GMSFHM', 'JG', 'HZSJ']],
    'JSJZ' => ['ZFXX', [...PERSON_REQUIRED, 'JSCDS', 'JSRQ', 'JSKYQQ', 'JSKYQZ']],
    'ZYJW' => ['ZFXX', [...PERSON_REQUIRED, 'JDSWH']],
];
const DATES = ['CSRQ', 'XQQR', 'XQZR', 'JSRQ', 'JSKYQQ', 'JSKYQZ'];
/** Coded fields and the values that they may have. */
const CODES = [
    'XBDM' => '/^[0129]$/',
    'MZDM' => '/^(0[1-9]|[1-4]\d|5[0-6]|9[78])$/',
    'HJD' => '/^[1-9]\d{5}$/',
    'JZD' => '/^[1-9]\d{5}$/',
    'JG' => '/^[01]$/',
    'SFCRB' => '/^[01]$/',
    'YPXQ' => '/^(?!000000)\d{6}$/',
];
const DOCUMENT_KINDS = ['01', '02', '03', '09', '99'];

/** An answer other than `0`. */
final class Refusal extends RuntimeException
{
    public function __construct(public readonly string $answer, string $detail = '', ?string $message = null)
    {
        parent::__construct($message ?? (MESSAGES[$answer] ?? '') . ($detail === '' ? '' : "：$detail"));
    }
}

/** An XML text without document type or network; its own declaration is dropped, never believed. Null if it is none. */
function readXml(string $text): ?DOMElement
{
    $text = preg_replace('/^\x{FEFF}?\s*<\?xml[^>]*\?>/u', '', $text);
    if ($text === null || trim($text) === '') {
        return null;
    }
    $document = new DOMDocument();
    libxml_use_internal_errors(true);
    $read = $document->loadXML($text, LIBXML_NONET | LIBXML_PARSEHUGE);
    libxml_clear_errors();
    return $read && $document->doctype === null ? $document->documentElement : null;
}

/** @return list<DOMElement> */
function children(DOMElement $element, ?string $name = null): array
{
    $found = [];
    foreach ($element->childNodes as $child) {
        if ($child instanceof DOMElement && ($name === null || $child->localName === $name)) {
            $found[] = $child;
        }
    }
    return $found;
}

/** The text of the element at this path of names; null where there is none. */
function textAt(?DOMElement $element, string ...$path): ?string
{
    foreach ($path as $name) {
        $element = $element === null ? null : (children($element, $name)[0] ?? null);
    }
    return $element?->textContent;
}

/** What an element says, whatever its indentation; volatile elements left out. */
function understood(DOMElement $element, array $volatile): array
{
    $inside = array_values(array_filter(children($element), static fn ($child) => !in_array($child->localName, $volatile, true)));
    return [$element->localName, $inside ? '' : $element->textContent, array_map(static fn ($child) => understood($child, $volatile), $inside)];
}

final class Record
{
    public readonly ?string $key;
    public readonly string $digest;
    private readonly DOMElement $head;

    /** Throws Refusal E002 for what is no record. */
    public function __construct(?string $text)
    {
        $root = readXml($text ?? '');
        if ($root === null || $root->nodeName !== 'ROOT') {
            throw new Refusal('E002', 'xmlData 不是以 ROOT 为根的 XML');
        }
        $this->root = $root;
        $this->head = children($root, 'HEAD')[0] ?? throw new Refusal('E002', '缺少 HEAD');
        $this->key = textAt($this->head, 'LSH') ?: null;
        $this->digest = hash('sha256', json_encode(understood($root, ['FSSJ']), JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));
    }

    private readonly DOMElement $root;

    public function head(string $name): ?string
    {
        return textAt($this->head, $name);
    }

    /** What matters of it, for whoever reads the journal. @return array<string, mixed> */
    public function facts(): array
    {
        $person = children($this->root, 'HZ')[0] ?? children($this->root, 'ZFXX')[0] ?? null;
        $documents = [];
        foreach ($this->documents() as $one) {
            $content = base64_decode(textAt($one, 'NR') ?? '', false);
            $documents[] = ['title' => textAt($one, 'MC'), 'size' => strlen($content), 'sha256' => hash('sha256', $content)];
        }
        return [
            'business_type' => $this->head('YWLX'), 'from_unit' => $this->head('FSDW') ?? '', 'to_unit' => $this->head('JSDW'),
            'sent_at' => $this->head('FSSJ'), 'answers' => $this->head('YLSH'),
            'name' => textAt($person, 'XM'), 'id_number' => textAt($person, 'GMSFHM'), 'result' => textAt($this->root, 'HZ', 'JG'),
            'reason' => textAt($this->root, 'HZ', 'YY'), 'receipt_at' => textAt($this->root, 'HZ', 'HZSJ'), 'documents' => $documents,
        ];
    }

    /** The vendor's checks in the vendor's order; throws the first Refusal. `$unit` is this system's code, or its place. */
    public function check(?string $businessType, string $unit): void
    {
        foreach (HEAD_REQUIRED as $name) {
            $this->needed($this->head, 'HEAD', $name);
        }
        if (!isset(REQUIRED[$businessType ?? ''])) {
            throw new Refusal('E012', "ywlx=$businessType");
        }
        if ($this->head('YWLX') !== $businessType) {
            throw new Refusal('E002', "HEAD/YWLX 与 ywlx 不一致：{$this->head('YWLX')}、$businessType");
        }
        [$section, $required] = REQUIRED[$businessType];
        $record = children($this->root, $section)[0] ?? throw new Refusal('E002', "缺少 $section");
        if ($businessType === 'HZ') {
            $this->needed($this->head, 'HEAD', 'YLSH');
        }
        foreach ($required as $name) {
            $this->needed($record, $section, $name);
        }
        if ($businessType === 'HZ' && textAt($record, 'JG') === '0') {
            $this->needed($record, $section, 'YY');
        }
        $this->checkValues($record);
        $receiver = $this->head('JSDW');
        if (str_contains($unit, '-') ? $receiver !== $unit : !str_starts_with($receiver, "$unit-")) {
            throw new Refusal('E020', "JSDW=$receiver");
        }
    }

    private function needed(DOMElement $element, string $where, string $name): void
    {
        if ((textAt($element, $name) ?? '') === '') {
            throw new Refusal('E010', "$where/$name");
        }
    }

    private function checkValues(DOMElement $record): void
    {
        foreach (['FSSJ' => $this->head('FSSJ'), 'HZSJ' => textAt($record, 'HZSJ')] as $name => $text) {
            self::moment($name, $text, 'YmdHis');
        }
        foreach (DATES as $name) {
            self::moment($name, textAt($record, $name), 'Ymd');
        }
        foreach (CODES as $name => $allowed) {
            $text = textAt($record, $name) ?? '';
            if ($text !== '' && !preg_match($allowed, $text)) {
                throw new Refusal('E012', "$name=$text");
            }
        }
        foreach ($this->documents() as $one) {
            if (!in_array(textAt($one, 'LX'), DOCUMENT_KINDS, true)) {
                throw new Refusal('E012', 'CL/LX=' . textAt($one, 'LX'));
            }
            if (base64_decode(preg_replace('/\s+/', '', textAt($one, 'NR') ?? ''), true) === false) {
                throw new Refusal('E002', 'CL/NR 不是 base64：' . textAt($one, 'MC'));
            }
        }
        if (!self::idNumber(textAt($record, 'GMSFHM'))) {
            throw new Refusal('E013');
        }
    }

    /** @return list<DOMElement> */
    private function documents(): array
    {
        $list = children($this->root, 'CLLB')[0] ?? null;
        return $list === null ? [] : children($list, 'CL');
    }

    private static function moment(string $name, ?string $text, string $form): void
    {
        if ($text === null || $text === '') {
            return;
        }
        $read = DateTimeImmutable::createFromFormat("!$form", $text);
        if ($read === false || $read->format($form) !== $text) {
            throw new Refusal('E011', "$name=$text");
        }
    }

    /** GB 11643: eighteen characters, a birth date that exists, the check character (ISO 7064 MOD 11-2). */
    private static function idNumber(string $text): bool
    {
        if (!preg_match('/^[1-9]\d{16}[\dX]$/', $text) || !checkdate((int) substr($text, 10, 2), (int) substr($text, 12, 2), (int) substr($text, 6, 4))) {
            return false;
        }
        $sum = 0;
        foreach ([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as $at => $weight) {
            $sum += $weight * (int) $text[$at];
        }
        return '10X98765432'[$sum % 11] === $text[17];
    }
}

/** The record that answers; its declaration names GB18030 whatever the envelope is written in, as the vendor's does. */
function answerRecord(string $code, string $message, string $lsh): string
{
    $escaped = static fn (string $text): string => htmlspecialchars($text, ENT_XML1 | ENT_NOQUOTES);
    $number = $lsh === '' ? '<LSH/>' : "<LSH>{$escaped($lsh)}</LSH>";
    return "<?xml version=\"1.0\" encoding=\"GB18030\"?><ROOT><CODE>$code</CODE><MSG>{$escaped($message)}</MSG>$number</ROOT>";
}
