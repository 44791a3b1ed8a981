import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCommandLine } from '../../src/shell/command/command-line.ts';

const commandLine = suite('command line');

commandLine('every flag arrives, with its unit', () => {
  const { options, logLevel } = readCommandLine([
    ...['--meta', 'a:7400, b:7401', '--data', '/d', '--id', 'shelf-1', '--host', '0.0.0.0'],
    ...['--port', '0', '--advertise', 'pi.local:9', '--capacity', '32GB', '--bandwidth', '40MB/s'],
    ...['--zone', 'attic', '--cache', '16MiB', '--durability', 'os', '--meta-wait', '2m'],
    ...['--log-level', 'debug', '--copy-rate', '5MB/s'],
  ]);
  assert.is(logLevel, 'debug');
  assert.equal(options, {
    meta: ['a:7400', 'b:7401'],
    dataDir: '/d',
    id: 'shelf-1',
    host: '0.0.0.0',
    port: 0,
    advertise: 'pi.local:9',
    capacityBytes: 32_000_000_000,
    bandwidthBytesPerSecond: 40_000_000,
    copyBytesPerSecond: 5_000_000,
    zone: 'attic',
    cacheBytes: 16 * 1024 * 1024,
    durability: 'os',
    metaWaitMs: 120_000,
  });
});

commandLine('what is not said has its default', () => {
  const { options, logLevel } = readCommandLine(['--meta', 'a:7400', '--data', '/d']);
  assert.is(logLevel, 'info');
  assert.is(options.host, '127.0.0.1');
  assert.is(options.port, 7410);
  assert.is(options.id, undefined);
  assert.is(options.capacityBytes, undefined);
  assert.is(options.bandwidthBytesPerSecond, 40_000_000);
  assert.is(options.copyBytesPerSecond, undefined);
  assert.is(options.cacheBytes, 64_000_000);
  assert.is(options.durability, 'flush');
  assert.is(options.metaWaitMs, 30_000);
});

commandLine.run();
