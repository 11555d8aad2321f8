import { describe, expect, it } from 'vitest';
import {
  containerWithoutSecrets,
  withoutCredentials,
  withoutLabels,
  withoutRequestBodies,
} from './redact.ts';

describe('withoutCredentials', () => {
  it.each([
    ['{"http-proxy": "http://user:p@ss@proxy:3128"}', '{"http-proxy": "http://REDACTED@proxy:3128"}'],
    ['{"http-proxy": "http:\\/\\/user:pw@proxy"}', '{"http-proxy": "http:\\/\\/REDACTED@proxy"}'],
    ['{"splunk-token": "abc\\"d", "mtu": 1400}', '{"splunk-token": "REDACTED", "mtu": 1400}'],
    ['--log-opt=splunk-token=abc', '--log-opt=splunk-token=REDACTED'],
    ['msg="Authorization: Bearer abc.def="', 'msg="Authorization: Bearer REDACTED"'],
    ['"X-Registry-Auth": "eyJ1c2VyIjoiYSJ9"', '"X-Registry-Auth": "REDACTED"'],
    ['got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln from', 'got REDACTED from'],
    ['[WireGuard]\nPrivateKey = aGVsbG8=\nListenPort=1', '[WireGuard]\nPrivateKey =REDACTED\nListenPort=1'],
  ])('hides the secret in %s', (before, after) => {
    expect(withoutCredentials(before)).toBe(after);
  });

  it.each([
    '{\n  "ip-masq": false,\n  "hosts": ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"]\n}',
    '{"registry-mirrors": ["https://mirror.example/"], "authorization-plugins": ["x"]}',
  ])('leaves %s as it is', (settings) => {
    expect(withoutCredentials(settings)).toBe(settings);
  });
});

it('hides what labels of the engine say, and keeps their names and lines', () => {
  const file = '{\n  "labels": ["owner=x", "a=b\\"c"],\n  "mtu": 1400\n}';
  expect(withoutLabels(file)).toBe('{\n  "labels": ["owner=REDACTED", "a=REDACTED"],\n  "mtu": 1400\n}');
  expect(withoutLabels('--label=owner=x')).toBe('--label=owner=REDACTED');
  expect(withoutLabels('{"log-opts": {"labels": "a,b"}}')).toBe('{"log-opts": {"labels": "a,b"}}');
});

it('drops the bodies of requests from a debug log, and keeps its lines', () => {
  const log = 'a\ntime="t" level=debug msg="form data: {\\"Env\\":[\\"PW=1\\"]}"\nb';
  expect(withoutRequestBodies(log)).toBe('a\ntime="t" level=debug msg="form data: REDACTED\nb');
});

it('keeps of a container what networking needs, and nothing of its environment', () => {
  const inspect = {
    Id: 'abc',
    Name: '/web',
    Args: ['--password=1'],
    Mounts: [{ Source: '/secret' }],
    State: { Pid: 7 },
    Config: { Env: ['PW=1'], Cmd: ['--password=1'], Labels: { key: '1' }, Hostname: 'web' },
    HostConfig: { NetworkMode: 'bridge', Binds: ['/secret:/s'] },
    NetworkSettings: { SandboxKey: '/run/docker/netns/a' },
  };
  expect(containerWithoutSecrets(inspect)).toEqual({
    Id: 'abc',
    Name: '/web',
    State: { Pid: 7 },
    Config: { Hostname: 'web' },
    HostConfig: { NetworkMode: 'bridge' },
    NetworkSettings: { SandboxKey: '/run/docker/netns/a' },
  });
  expect(containerWithoutSecrets(inspect, true)).toMatchObject({ Config: { Labels: { key: '1' } } });
});
