<?php
declare(strict_types=1);

/**
 * What the simulated prison has received and answered: JSON Lines, synced before the answer goes out.
 *
 * Each connection is served by a process of its own, so the file is the only memory that they share; whoever reads in
 * order to decide holds the lock until its own line is written.
 */
final class Journal
{
    private readonly string $file;

    public function __construct(public readonly string $folder)
    {
        if (!is_dir($folder) && !mkdir($folder, 0o777, true)) {
            throw new RuntimeException("cannot make $folder");
        }
        $this->file = "$folder/journal.jsonl";
    }

    /** Drop a last line that a crash cut short, for its answer never went out. Called once, before anyone is served. */
    public function repair(): void
    {
        $text = is_file($this->file) ? file_get_contents($this->file) : '';
        $whole = strrpos($text, "\n");
        $whole = $whole === false ? 0 : $whole + 1;
        $handle = fopen($this->file, 'c');
        ftruncate($handle, $whole);
        fclose($handle);
    }

    /** Run $work alone among the processes. */
    public function alone(callable $work): mixed
    {
        // Opened each time: a forked child that shared its parent's handle would share the lock too.
        $lock = fopen("{$this->folder}/lock", 'c');
        flock($lock, LOCK_EX);
        try {
            return $work();
        } finally {
            flock($lock, LOCK_UN);
            fclose($lock);
        }
    }

    /** @return list<array<string, mixed>> */
    public function entries(): array
    {
        $lines = file($this->file, FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
        return array_map(static fn (string $line): array => json_decode($line, true, 512, JSON_THROW_ON_ERROR), $lines);
    }

    /** @param array<string, mixed> $entry */
    public function append(array $entry): void
    {
        $number = count(file($this->file, FILE_SKIP_EMPTY_LINES)) + 1;
        $at = (new DateTimeImmutable('now', new DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.vP');
        $handle = fopen($this->file, 'a');
        fwrite($handle, json(['n' => $number, 'at' => $at, ...$entry]) . "\n");
        fsync($handle);
        fclose($handle);
    }
}

/** The faults that a test arms, in a file that the connections' processes share. Callers hold the journal's lock. */
final class Faults
{
    public const KNOWN = [
        'down' => 'the connection is closed unanswered, nothing is recorded',
        'half' => 'the call is recorded, the answer breaks off half-way',
        'lost-answer' => 'the call is recorded, the connection is closed without an answer',
        'slow' => 'the call is recorded, the answer comes after `seconds` (default 5)',
        'http-500' => 'an error page with status 500; the call was not processed',
        'html' => "a proxy's HTML page with status 200; the call was not processed",
        'refuse' => 'a business refusal with `reason`',
        'busy' => 'E099, come again later',
        'code' => 'an answer with this `code` and `message`, whatever was sent',
        'empty' => 'an answer whose string is nil',
        'gb18030' => 'the answering envelope is written in GB18030, and says so',
    ];

    public function __construct(private readonly string $file)
    {
    }

    /** @return list<array<string, mixed>> */
    public function armed(): array
    {
        return is_file($this->file) ? json_decode(file_get_contents($this->file), true, 512, JSON_THROW_ON_ERROR) : [];
    }

    /** @return array<string, mixed> */
    public function listed(): array
    {
        return ['armed' => $this->armed(), 'known' => self::KNOWN];
    }

    /** @param array<string, mixed> $order */
    public function arm(array $order): void
    {
        if (!isset(self::KNOWN[$order['fault'] ?? ''])) {
            throw new InvalidArgumentException('fault is one of ' . implode(', ', array_keys(self::KNOWN)));
        }
        $times = $order['times'] ?? 1;
        if (!is_int($times) || $times === 0 || $times < -1) {
            throw new InvalidArgumentException('times is a whole number above 0, or -1');
        }
        $this->write([...$this->armed(), ['operation' => null, ...$order, 'times' => $times]]);
    }

    public function clear(): void
    {
        $this->write([]);
    }

    /** The fault that this call meets, counted down; [] when there is none. */
    public function meet(?string $operation): array
    {
        $armed = $this->armed();
        foreach ($armed as $at => $one) {
            if ($one['operation'] !== null && $one['operation'] !== $operation) {
                continue;
            }
            if ($one['times'] > 0 && --$armed[$at]['times'] === 0) {
                unset($armed[$at]);
            }
            $this->write(array_values($armed));
            return $one;
        }
        return [];
    }

    private function write(array $armed): void
    {
        file_put_contents($this->file, json($armed));
    }
}

function json(mixed $value): string
{
    return json_encode($value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
}
