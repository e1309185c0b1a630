<?php
declare(strict_types=1);

/** Both halves of the prison's contract on PHP's own stack: what SoapServer calls, and how SoapClient calls the hub. */

const CONTRACT = __DIR__ . '/../contracts/PrisonExchange.wsdl';

/** The object behind SoapServer. It decides with the journal as it is; `$entry` is what is to be written of the call. */
final class PrisonExchange
{
    /** @var array<string, mixed> */
    public array $entry = ['operation' => 'sendData', 'key' => null, 'outcome' => 'fault', 'digest' => null, 'record' => []];

    /** @param array<string, mixed> $options @param array<string, mixed> $fault */
    public function __construct(private readonly Journal $journal, private readonly array $options, private readonly array $fault)
    {
    }

    public function sendData(?string $yhm = null, ?string $mm = null, ?string $ywlx = null, ?string $xmlData = null): ?string
    {
        $this->entry['business_type'] = $ywlx;
        try {
            $answered = $this->decide($yhm, $mm, $ywlx, $xmlData);
        } catch (Refusal $refusal) {
            $this->note(outcome: $refusal->answer === 'E099' ? 'busy' : 'refused', code: $refusal->answer, reason: $refusal->getMessage());
            return answerRecord($refusal->answer, $refusal->getMessage(), '');
        }
        $this->note(code: '0', answer_lsh: $answered);
        return $this->meets('empty') ? null : answerRecord('0', MESSAGES['0'], $answered);
    }

    private function decide(?string $user, ?string $password, ?string $businessType, ?string $xmlData): string
    {
        if ($this->options['user'] !== null && [$user, $password] !== [$this->options['user'], $this->options['password']]) {
            throw new Refusal('E001');
        }
        if ($this->meets('busy')) {
            throw new Refusal('E099');
        }
        if ($this->meets('code')) {
            throw new Refusal($this->fault['code'] ?? 'E002', '', $this->fault['message'] ?? null);
        }
        $record = new Record($xmlData);
        $this->note(key: $record->key, digest: $record->digest, record: $record->facts());
        $record->check($businessType, $this->options['unit']);
        $accepted = array_filter($this->journal->entries(), static fn (array $one): bool => $one['outcome'] === 'accepted');
        foreach ($accepted as $one) {
            if ($one['key'] === $record->key && $one['record']['from_unit'] === $record->head('FSDW')) {
                if ($one['digest'] !== $record->digest) {
                    throw new Refusal('E030', $record->key);
                }
                $this->note(outcome: 'duplicate');
                return $one['answer_lsh'];
            }
        }
        if ($this->meets('refuse')) {
            throw new Refusal($this->fault['code'] ?? 'E020', $this->fault['reason'] ?? '');
        }
        $this->note(outcome: 'accepted');
        $today = (new DateTimeImmutable('now', new DateTimeZone('Asia/Shanghai')))->format('Ymd');
        return sprintf('JNY%s%06d', $today, count($accepted) + 1);
    }

    private function meets(string $fault): bool
    {
        return ($this->fault['fault'] ?? null) === $fault;
    }

    private function note(mixed ...$facts): void
    {
        $this->entry = [...$this->entry, ...$facts];
    }
}

/**
 * PHP's client, which can write the envelope in GB18030 as older systems do.
 *
 * SoapClient's own transport says `charset=utf-8` whatever the bytes are, so only a UTF-8 envelope goes out by it.
 */
final class PrisonClient extends SoapClient
{
    public string $writes = 'UTF-8';
    private ?string $statusLine = null;

    public function __doRequest(string $request, string $location, string $action, int $version, bool $oneWay = false): ?string
    {
        if (strcasecmp($this->writes, 'UTF-8') === 0) {
            return parent::__doRequest($request, $location, $action, $version, $oneWay);
        }
        $headers = ["Content-Type: text/xml; charset={$this->writes}", "SOAPAction: \"$action\"", 'Connection: close'];
        $answer = @file_get_contents($location, false, stream_context_create(['http' => [
            'method' => 'POST', 'header' => $headers, 'content' => inEncoding($request, $this->writes), 'ignore_errors' => true, 'timeout' => 60,
        ]]));
        $this->statusLine = $http_response_header[0] ?? null;
        if ($answer === false) {
            throw new SoapFault('HTTP', 'Could not connect to host');
        }
        return $answer;
    }

    /** HTTP status of the last answer; null when there was none. */
    public function status(): ?int
    {
        $line = $this->statusLine ?? $this->__getLastResponseHeaders() ?? '';
        return preg_match('#^HTTP/\S+ (\d+)#', $line, $found) ? (int) $found[1] : null;
    }
}

/** An XML text that is declared UTF-8, written and declared in another encoding. */
function inEncoding(string $xml, string $encoding): string
{
    return iconv('UTF-8', $encoding, preg_replace('/^(<\?xml[^>]*encoding=")[^"]*/', "\$1$encoding", $xml, 1));
}

/**
 * `POST /_sim/send`: the record as it is, its own declaration and all. `encoding` is the envelope's (UTF-8, GB18030).
 *
 * @param array<string, mixed> $order
 * @param array<string, mixed> $options
 * @return array{int, array<string, mixed>} HTTP status of the control answer, and the answer
 */
function sendToHub(array $order, array $options): array
{
    if ($options['hub'] === null) {
        throw new InvalidArgumentException('started without --hub');
    }
    $location = rtrim($options['hub'], '/') . '/soap/' . $options['agency'];
    $client = new PrisonClient(CONTRACT, [
        'location' => $location, 'cache_wsdl' => WSDL_CACHE_NONE, 'trace' => true, 'exceptions' => true, 'keep_alive' => false,
    ]);
    $client->writes = $order['encoding'] ?? $options['encoding'];
    $businessType = $order['business_type'] ?? textAt(readXml($order['text']), 'HEAD', 'YWLX') ?? '';
    $fault = null;
    $returned = null;
    try {
        $returned = $client->sendData($options['hub-user'] ?? '', $options['hub-password'] ?? '', $businessType, $order['text']);
    } catch (SoapFault $caught) {
        $fault = $caught;
    }
    $status = $client->status();
    $body = $client->__getLastResponse() ?? '';
    if ($status === null) {
        return [502, ['status' => null, 'answer' => null, 'body' => '', 'error' => "$location: {$fault?->getMessage()}"]];
    }
    if ($fault !== null) {
        $code = preg_replace('/^.*:/', '', (string) $fault->faultcode);
        $told = ['code' => $code, 'message' => $fault->faultstring, 'detail' => isset($fault->detail) ? json_decode(json($fault->detail), true) : null];
        return [200, ['status' => $status, 'answer' => ['code' => null, 'msg' => $fault->faultstring, 'lsh' => null, 'fault' => $told], 'body' => $body]];
    }
    $root = readXml($returned ?? '');
    $answer = $root === null
        ? ['code' => null, 'msg' => 'sendDataReturn: no XML', 'lsh' => null]
        : ['code' => textAt($root, 'CODE'), 'msg' => textAt($root, 'MSG'), 'lsh' => textAt($root, 'LSH') ?: null];
    return [200, ['status' => $status, 'answer' => $answer, 'body' => $body]];
}
