<?php
declare(strict_types=1);

/**
 * `php prison.php [prison] --agency ID --port N --data DIR …`: 监狱管理信息系统 on PHP's SoapServer and SoapClient.
 *
 * The thin HTTP layer is a socket loop that gives each connection a process of its own, because PHP's built-in web
 * server can neither close a connection unanswered nor break an answer off. `--set unit=CODE` is this system's unit
 * code (default: any unit of the agency's place), `--set encoding=GB18030` how it writes envelopes that it sends.
 */

require __DIR__ . '/journal.php';
require __DIR__ . '/record.php';
require __DIR__ . '/exchange.php';

const PATH = '/services/PrisonExchange';
const LARGEST = 64 * 1024 * 1024;
const PROXY_PAGE = '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>proxy</body></html>';
const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/';

set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    // Warnings that the code expects are silenced with @ and their results checked.
    if ((error_reporting() & $level) !== 0) {
        throw new ErrorException($message, 0, $level, $file, $line);
    }
    return true;
});

/** @return array<string, mixed> */
function options(array $arguments): array
{
    $known = ['agency', 'port', 'data', 'host', 'hub', 'user', 'password', 'hub-user', 'hub-password'];
    $found = array_fill_keys($known, null);
    $set = [];
    array_shift($arguments);
    if (($arguments[0] ?? null) === 'prison') {
        array_shift($arguments);
    }
    while ($arguments) {
        $name = array_shift($arguments);
        if (str_contains($name, '=') && str_starts_with($name, '--')) {
            [$name, $value] = explode('=', $name, 2);
        } else {
            $value = array_shift($arguments);
        }
        $name = substr($name, 2);
        if ($value === null || ($name !== 'set' && !in_array($name, $known, true))) {
            throw new InvalidArgumentException("--$name is not known or has no value");
        }
        if ($name === 'set') {
            [$option, $text] = [...explode('=', $value, 2), ''];
            $set[$option] = $text;
        } else {
            $found[$name] = $value;
        }
    }
    if ($found['agency'] === null || $found['data'] === null || !ctype_digit($found['port'] ?? '')) {
        throw new InvalidArgumentException('--agency, --port and --data are needed');
    }
    $place = substr(explode('.', $found['agency'] . '.')[1], 0, 6);
    return [...$found, 'host' => $found['host'] ?? '127.0.0.1', 'unit' => $set['unit'] ?? $place, 'encoding' => $set['encoding'] ?? 'UTF-8'];
}

/** A request from the socket: [method, path, query, headers by lower-case name, body]; null when the caller hung up. */
function readRequest($socket): ?array
{
    $head = '';
    while (!str_contains($head, "\r\n\r\n")) {
        $more = @fread($socket, 8192);
        if ($more === '' || $more === false) {
            return null;
        }
        $head .= $more;
    }
    [$head, $body] = explode("\r\n\r\n", $head, 2);
    $lines = explode("\r\n", $head);
    [$method, $target] = explode(' ', array_shift($lines));
    $headers = [];
    foreach ($lines as $line) {
        [$name, $value] = explode(':', $line, 2);
        $headers[strtolower(trim($name))] = trim($value);
    }
    if (strcasecmp($headers['expect'] ?? '', '100-continue') === 0) {
        fwrite($socket, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    $chunked = str_contains(strtolower($headers['transfer-encoding'] ?? ''), 'chunked');
    $body = $chunked ? readChunks($socket, $body) : readExactly($socket, $body, (int) ($headers['content-length'] ?? 0));
    $url = parse_url($target);
    parse_str($url['query'] ?? '', $query);
    return [$method, $url['path'] ?? '/', $query, $headers, $body];
}

/** `$buffer` filled from the socket up to `$length` bytes. */
function readExactly($socket, string $buffer, int $length): string
{
    if ($length > LARGEST) {
        throw new LengthException('the request is too large');
    }
    while (strlen($buffer) < $length) {
        $more = fread($socket, min(65536, $length - strlen($buffer)));
        if ($more === '' || $more === false) {
            throw new RuntimeException('the caller hung up');
        }
        $buffer .= $more;
    }
    return $buffer;
}

function readChunks($socket, string $buffer): string
{
    $body = '';
    while (true) {
        while (!str_contains($buffer, "\r\n")) {
            $buffer = readExactly($socket, $buffer, strlen($buffer) + 1);
        }
        [$size, $buffer] = explode("\r\n", $buffer, 2);
        $length = (int) hexdec(explode(';', $size)[0]);
        $buffer = readExactly($socket, $buffer, $length + 2);
        if ($length === 0) {
            return $body;
        }
        $body .= substr($buffer, 0, $length);
        $buffer = substr($buffer, $length + 2);
    }
}

function reply($socket, int $status, string $type, string $body, bool $half = false): void
{
    $reasons = [200 => 'OK', 201 => 'Created', 400 => 'Bad Request', 404 => 'Not Found', 405 => 'Method Not Allowed', 500 => 'Internal Server Error', 502 => 'Bad Gateway'];
    $head = "HTTP/1.1 $status {$reasons[$status]}\r\nX-Powered-By: PHP/" . PHP_VERSION . "\r\nContent-Type: $type\r\nContent-Length: " . strlen($body) . "\r\nConnection: close\r\n\r\n";
    $left = $head . ($half ? substr($body, 0, intdiv(strlen($body), 2)) : $body);
    while ($left !== '') {
        $written = @fwrite($socket, $left);
        if ($written === false || $written === 0) {
            return; // the caller hung up; what it was to hear is in the journal
        }
        $left = substr($left, $written);
    }
}

/** One connection, one request. */
function serve($socket, Journal $journal, Faults $faults, array $options, string $base): void
{
    $request = readRequest($socket);
    if ($request === null) {
        return;
    }
    [$method, $path, $query, $headers, $body] = $request;
    if (str_starts_with($path, '/_sim/')) {
        [$status, $facts] = control($method, substr($path, 6), $query, $body, $journal, $faults, $options, $base);
        reply($socket, $status, 'application/json; charset=utf-8', json($facts));
    } elseif ($path !== PATH) {
        reply($socket, 404, 'text/plain', 'no service here');
    } elseif ($method === 'GET' && isset(array_change_key_case($query)['wsdl'])) {
        $text = preg_replace('/(<soap:address location=")[^"]*/', '${1}' . $base . PATH, file_get_contents(CONTRACT));
        reply($socket, 200, 'text/xml; charset=utf-8', $text);
    } elseif ($method !== 'POST') {
        reply($socket, 405, 'text/plain', 'POST only');
    } else {
        call($socket, $headers, $body, $journal, $faults, $options);
    }
}

/** @return array{int, array<string, mixed>} */
function control(string $method, string $what, array $query, string $body, Journal $journal, Faults $faults, array $options, string $base): array
{
    try {
        switch ("$method $what") {
            case 'GET health':
                return [200, ['system' => 'prison', 'agency' => $options['agency'], 'url' => $base . PATH]];
            case 'GET journal':
                return [200, ['entries' => array_slice($journal->alone($journal->entries(...)), (int) ($query['after'] ?? 0))]];
            case 'GET faults':
                return [200, $journal->alone($faults->listed(...))];
            case 'POST faults':
                $order = json_decode($body, true, 512, JSON_THROW_ON_ERROR);
                $journal->alone(static fn () => $faults->arm($order));
                return [201, $journal->alone($faults->listed(...))];
            case 'DELETE faults':
                $journal->alone($faults->clear(...));
                return [200, $journal->alone($faults->listed(...))];
            case 'POST send':
                return sendToHub(json_decode($body, true, 512, JSON_THROW_ON_ERROR), $options);
            default:
                return [404, ['error' => "no $method /_sim/$what here"]];
        }
    } catch (InvalidArgumentException | JsonException $error) {
        return [400, ['error' => $error->getMessage()]];
    }
}

/** A call of the service: fault, SoapServer, journal, answer. */
function call($socket, array $headers, string $body, Journal $journal, Faults $faults, array $options): void
{
    $text = asUtf8($body, $headers['content-type'] ?? '');
    $found = null;
    $answer = $journal->alone(static function () use ($socket, $text, $headers, $journal, $faults, $options, &$found): ?array {
        $envelope = readXml($text);
        $operation = $envelope === null ? null : (children(children($envelope, 'Body')[0] ?? $envelope)[0] ?? null)?->localName;
        $found = $faults->meet($operation);
        $name = $found['fault'] ?? null;
        if ($name === 'down') {
            return null;
        }
        $entry = ['operation' => $operation, 'key' => null, 'outcome' => 'fault', 'digest' => null, 'record' => []];
        $record = static fn (array $entry, array $answer) => $journal->append([
            ...$entry, 'version' => '1.1', 'request' => legible($text), 'answer' => legible($answer[2]), 'status' => $answer[0], ...($name ? ['fault' => $name] : []),
        ]);
        if ($name === 'http-500' || $name === 'html') {
            $answer = $name === 'html' ? [200, 'text/html; charset=utf-8', PROXY_PAGE] : [500, 'text/plain', 'Internal Server Error'];
        } elseif ($envelope === null || $envelope->namespaceURI !== ENVELOPE) {
            $answer = refused($envelope === null ? 'Client' : 'VersionMismatch', $envelope === null ? '报文不是合法的 XML' : '本服务只支持 SOAP 1.1');
        } elseif (!isset($headers['soapaction'])) {
            $answer = refused('Client.NoSOAPAction', 'no SOAPAction header!');
        } else {
            $exchange = new PrisonExchange($journal, $options, $found);
            $answer = soapServer($exchange, $text, static function (array $answer) use ($record, $entry, $socket): void {
                $record($entry, $answer);
                reply($socket, ...$answer);
            });
            $entry = $exchange->entry;
        }
        $record($entry, $answer);
        return $answer;
    });
    $name = $found['fault'] ?? null;
    if ($name === 'slow') {
        usleep((int) (1_000_000 * ($found['seconds'] ?? 5)));
    }
    if ($answer === null || $name === 'lost-answer') {
        return;
    }
    if ($name === 'gb18030') {
        $answer = [$answer[0], 'text/xml; charset=GB18030', inEncoding($answer[2], 'GB18030')];
    }
    reply($socket, $answer[0], $answer[1], $answer[2], $name === 'half');
}

/** Text of a request in UTF-8 without declaration; GB2312 and GBK are read as GB18030, which holds both. */
function asUtf8(string $body, string $contentType): string
{
    $charset = preg_match('/charset="?([\w-]+)/i', $contentType, $found) ? $found[1] : null;
    $charset ??= preg_match('/^\s*<\?xml[^>]*encoding=["\']([\w-]+)/', $body, $found) ? $found[1] : 'UTF-8';
    if (str_starts_with(strtoupper($charset), 'GB')) {
        $body = (string) @iconv('GB18030', 'UTF-8', $body);
    }
    return preg_replace('/^(\xEF\xBB\xBF)?\s*<\?xml[^>]*\?>/', '', $body);
}

/**
 * PHP's own server. A request that does not fit the WSDL it answers with a fault and ends the process over it: then
 * `$ended` is called with that answer as the last thing that the process does.
 *
 * @return array{int, string, string} status, content type, body
 */
function soapServer(PrisonExchange $exchange, string $text, callable $ended): array
{
    $answer = static function (): array {
        $body = (string) ob_get_clean();
        return [str_contains($body, '<SOAP-ENV:Fault>') ? 500 : 200, 'text/xml; charset=utf-8', $body];
    };
    $returned = false;
    register_shutdown_function(static function () use (&$returned, $answer, $ended): void {
        if (!$returned) {
            $ended($answer());
        }
    });
    $server = new SoapServer(CONTRACT, ['cache_wsdl' => WSDL_CACHE_NONE, 'soap_version' => SOAP_1_1, 'send_errors' => true]);
    $server->setObject($exchange);
    ob_start();
    $server->handle($text);
    $returned = true;
    return $answer();
}

/** What never reaches SoapServer. @return array{int, string, string} */
function refused(string $code, string $message): array
{
    $body = '<?xml version="1.0" encoding="UTF-8"?>' . "\n" . '<SOAP-ENV:Envelope xmlns:SOAP-ENV="' . ENVELOPE . '"><SOAP-ENV:Body><SOAP-ENV:Fault>'
        . "<faultcode>SOAP-ENV:$code</faultcode><faultstring>$message</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>\n";
    return [500, 'text/xml; charset=utf-8', $body];
}

/** A message as the journal keeps it: without the password, and long base64 by its length and digest. */
function legible(string $text): string
{
    $text = preg_replace('#(<(?:[\w.-]+:)?mm\b[^>/]*>)[^<]*(</)#', '$1***$2', $text);
    return preg_replace_callback('#[A-Za-z0-9+/=]{2048,}#', static fn (array $run): string => '[' . strlen($run[0]) . ' characters, sha256 ' . hash('sha256', $run[0]) . ']', $text);
}

function main(array $arguments): int
{
    try {
        $options = options($arguments);
    } catch (InvalidArgumentException $error) {
        fwrite(STDERR, $error->getMessage() . "\n");
        return 2;
    }
    $journal = new Journal($options['data']);
    $journal->repair();
    $faults = new Faults("{$options['data']}/faults.json");
    $faults->clear();
    $listening = stream_socket_server("tcp://{$options['host']}:{$options['port']}", $code, $message, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, stream_context_create(['socket' => ['backlog' => 128]]));
    $port = (int) substr(strrchr(stream_socket_get_name($listening, false), ':'), 1);
    $base = "http://{$options['host']}:$port";
    pcntl_async_signals(true);
    pcntl_signal(SIGCHLD, SIG_IGN);
    foreach ([SIGTERM, SIGINT] as $signal) {
        pcntl_signal($signal, static fn () => exit(0));
    }
    fwrite(STDOUT, json(['ready' => true, 'url' => $base . PATH, 'port' => $port]) . "\n");
    while (true) {
        $ready = [$listening];
        $none = [];
        if (@stream_select($ready, $none, $none, 3600) !== 1 || ($socket = @stream_socket_accept($listening, 0)) === false) {
            continue;
        }
        if (pcntl_fork() === 0) {
            fclose($listening);
            stream_set_timeout($socket, 75);
            try {
                serve($socket, $journal, $faults, $options, $base);
            } catch (Throwable $error) {
                fwrite(STDERR, "$error\n");
                reply($socket, 500, 'text/plain', 'Internal Server Error');
            }
            fclose($socket);
            exit(0);
        }
        fclose($socket);
    }
}

exit(main($argv));
