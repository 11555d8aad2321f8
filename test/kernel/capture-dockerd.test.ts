/**
 * A capture of a namespace in which a real dockerd runs: it is found by its process, asked over its socket, and its
 * files are taken without secrets. The rules that it should have made are those that iptables-save shows.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureFacts } from '../../src/bundle/capture.ts';
import { type Facts, text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { compareRules } from '../judge/rules.ts';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

describe.skipIf(unavailable !== undefined)('capture of a namespace with a dockerd', () => {
  let dockerd: Dockerd | undefined;
  let facts: Facts;

  beforeAll(async () => {
    dockerd = await startDockerd({
      config: { labels: ['proxy=http://me:hunter2@proxy', 'owner=mallory'] },
      argv: ['--dns', '192.0.2.53'],
      env: { DOCKER_INSECURE_NO_IPTABLES_RAW: '1', SECRET: 'hunter2' },
    });
    const { docker, netns, log } = dockerd;
    await docker('network', 'create', 'front', '--subnet', '10.1.0.0/24');
    await docker('network', 'create', 'back', '--internal', '--subnet', '10.2.0.0/24');
    await docker('network', 'create', 'wide', '--subnet', '10.3.0.0/16', '--opt', 'mtu=1400');
    const run = (name: string, ...flags: readonly string[]) =>
      docker('run', '-d', '--stop-signal', 'KILL', '--name', name, ...flags, image, 'sleep', 'infinity');
    await run('web', '-e', 'PASSWORD=hunter2', '-p', '8080:80', '-p', '127.0.0.1:5353:53/udp');
    await run('shop', '--network', 'front', '-p', '8443:443', '-p', '9000-9001:9000-9001');
    await run('peer', '--network', 'wide');
    await docker('network', 'connect', 'back', 'shop');
    const captured = await captureFacts({ netns });
    facts = { ...captured, files: new Map([...captured.files, ['dockerd.log', readFileSync(log)]]) };
  });

  afterAll(async () => dockerd?.stop());

  it('takes its arguments, networking environment, configuration and store', () => {
    const { argv, env } = JSON.parse(text(facts, 'dockerd.argv') ?? '{}');
    expect(argv).toContain('192.0.2.53');
    expect(env).toEqual({ DOCKER_INSECURE_NO_IPTABLES_RAW: '1' });
    expect(text(facts, 'daemon.json')).toContain('proxy=REDACTED');
    expect(facts.files.get('local-kv.db')).toEqual(
      readFileSync(`${dockerd?.dataRoot}/network/files/local-kv.db`),
    );
  });

  it('takes what it answers, and finds the containers in their namespaces', () => {
    expect(JSON.parse(text(facts, 'docker-version.json') ?? '').Version).toMatch(/^\d+\.\d+\.\d+/);
    const { state, problems } = hostStateFromFacts(facts);
    expect(problems).toEqual([]);
    const containers = state.namespaces.filter(({ kind }) => kind === 'container');
    expect(containers.map(({ name }) => name).toSorted()).toEqual(['peer', 'shop', 'web']);
    const shop = containers.find(({ name }) => name === 'shop');
    expect(shop?.links.filter(({ kind }) => kind === 'veth')).toHaveLength(2);
    const proxied = state.proxies?.map((p) => `${p.protocol} ${p.hostPort} ${p.containerPort}`) ?? [];
    expect(proxied).toEqual(expect.arrayContaining(['tcp 8080 80', 'udp 5353 53', 'tcp 9001 9001']));
    expect(JSON.parse(text(facts, 'sandboxes.json') ?? '').web.resolv_conf).toContain('192.0.2.53');
  });

  it('leaves every secret out', () => {
    // The log is the test's addition, and dockerd prints its settings there.
    const captured = [...facts.files.keys()].filter((name) => name !== 'dockerd.log');
    // Docker's store is taken as it is.
    for (const name of captured) {
      expect(text(facts, name), name).not.toContain('hunter2');
      if (name !== 'local-kv.db') expect(text(facts, name), name).not.toContain('mallory');
    }
    expect(text(facts, 'daemon.json')).toContain('owner=REDACTED');
  });

  it('plans the rules that iptables-save shows', () => {
    expect(text(facts, 'iptables-save.txt')).toContain('--to-destination 10.1.0.2:9001');
    for (const { agree, family, differences } of compareRules(facts)) {
      expect(agree, [family, ...differences].join('\n')).toBe(true);
    }
  });
});
