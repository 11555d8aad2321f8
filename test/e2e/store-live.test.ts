/**
 * `store` on the file of a running dockerd, which holds it locked and writes to it meanwhile.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';
import { makePlace } from './program.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

describe.skipIf(unavailable !== undefined)('the store of a running dockerd', () => {
  const place = makePlace();
  const store = (...args: readonly string[]) =>
    place.program({ name: 'root', prefix: [] }, ['store', ...args]);
  let dockerd: Dockerd | undefined;
  let docker: Dockerd['docker'];
  let file: string;

  beforeAll(async () => {
    dockerd = await startDockerd();
    docker = dockerd.docker;
    file = join(dockerd.dataRoot, 'network/files/local-kv.db');
    await docker('network', 'create', 'front', '--subnet', '10.1.0.0/24');
    await docker('run', '-d', '--name', 'web', '--network', 'front', '-p', '8080:80', image, 'sleep', '9999');
  });

  afterAll(async () => {
    await dockerd?.stop();
    place.remove();
  });

  it('agrees with what the daemon says', async () => {
    expect(await store('check', file)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^ok: /),
    });
    const { records } = JSON.parse(
      (await store('get', '--json', file, 'docker/network/v1.0/network/')).stdout,
    );
    const inspected = JSON.parse(await docker('network', 'inspect', 'front'));
    const front = records.find(({ value }: { value: { name: string } }) => value.name === 'front').value;
    expect(front.id).toBe(inspected[0].Id);
    expect(front.ipamV4Info[0].IPAMData.Pool).toBe(inspected[0].IPAM.Config[0].Subnet);
  });

  it('is in order at each moment, while networks come and go', async () => {
    let done = false;
    const changes = (async () => {
      for (let round = 0; round < 6; round++) {
        await docker('network', 'create', 'passing');
        await docker('network', 'rm', 'passing');
      }
    })().finally(() => {
      done = true;
    });
    const codes: number[] = [];
    while (!done) codes.push((await store('check', file)).code);
    await changes;
    // 0: in order; 3: it was written to at each try, which it says.
    expect(codes.filter((code) => code !== 0 && code !== 3)).toEqual([]);
    expect((await store('check', file)).code).toBe(0);
  });
});
