import { describe, expect, test } from 'vitest';
import { dockerHost } from '../../test/fixtures/host.ts';
import { type ConfigLines, claimedByNetworkd, claimedByNetworkManager } from './link-managers.ts';
import type { Link } from './state.ts';

const links = dockerHost().namespaces[0]?.links ?? [];

function link(name: string): Link {
  const found = links.find((l) => l.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

function files(contents: Readonly<Record<string, string>>): readonly ConfigLines[] {
  return Object.entries(contents).map(([file, content]) => ({ file, lines: content.split('\n') }));
}

describe('systemd-networkd', () => {
  const claims = (contents: Readonly<Record<string, string>>) =>
    ['docker0', 'veth-web'].filter((name) => claimedByNetworkd(files(contents), link(name)) !== undefined);

  test.each<[string, readonly string[]]>([
    ['[Match]\nName=*\n[Network]\nDHCP=yes\n', ['docker0', 'veth-web']],
    ['[Match]\nName=eth0 en*\n', []],
    ['[Match]\nName=!eth*\n', ['docker0', 'veth-web']],
    ['[Match]\nType=ether\n', ['veth-web']],
    ['[Match]\nType=ether\nKind=!*\n', []],
    ['[Match]\nType=ether\nDriver=virtio_net\n', []],
    ['[Match]\nName=docker*\n[Link]\nUnmanaged=yes\n', []],
    ['[Match]\nName=*\nVirtualization=container\n', []],
    ['[Match]\nName=*\nMACAddress=02:00:00:00:00:01\n', []],
    ['# [Match]\n# Name=*\n', []],
    ['[Network]\nDHCP=yes\n', []],
  ])('%j', (content, claimed) => {
    expect(claims({ 'networkd/10-a.network': content })).toEqual(claimed);
  });

  test('the first file by name decides', () => {
    const all = '[Match]\nName=*\n';
    const none = '[Match]\nName=docker* veth*\n[Link]\nUnmanaged=yes\n';
    expect(claims({ 'networkd/20-all.network': all, 'networkd/10-docker.network': none })).toEqual([]);
    expect(claims({ 'networkd/20-docker.network': none, 'networkd/10-all.network': all })).toHaveLength(2);
  });

  test('the claim has its line', () => {
    const found = claimedByNetworkd(files({ 'networkd/a.network': '\n[Match]\nName=*\n' }), link('docker0'));
    expect(found).toEqual({ file: 'networkd/a.network', line: 3, text: 'Name=*' });
  });
});

describe('NetworkManager', () => {
  const claims = (...contents: readonly string[]) =>
    ['docker0', 'veth-web'].filter(
      (name) =>
        claimedByNetworkManager(
          files(Object.fromEntries(contents.map((c, i) => [`${i}.conf`, c]))),
          link(name),
        ) !== undefined,
    );

  test.each<[string, readonly string[]]>([
    ['[main]\nplugins=keyfile\n', []],
    ['[keyfile]\nunmanaged-devices=none\n', ['docker0', 'veth-web']],
    ['[keyfile]\nunmanaged-devices=interface-name:wlan0\n', []],
    ['[keyfile]\nunmanaged-devices=interface-name:veth*;interface-name:docker0\n', []],
    ['[keyfile]\nunmanaged-devices=*,except:type:veth\n', ['veth-web']],
    ['[keyfile]\nunmanaged-devices=*,except:type:wifi\n', []],
    ['[device]\nmatch-device=driver:veth\nmanaged=1\n', ['veth-web']],
    ['[device-all]\nmanaged=true\n', ['docker0', 'veth-web']],
    ['[device]\nmatch-device=interface-name:eth0\nmanaged=1\n', []],
  ])('%j', (content, claimed) => {
    expect(claims(content)).toEqual(claimed);
  });

  test('a later file adds to the list, or replaces it', () => {
    const none = '[keyfile]\nunmanaged-devices=none\n';
    expect(claims(none, '[keyfile]\nunmanaged-devices+=interface-name:veth*\n')).toEqual(['docker0']);
    expect(claims(none, '[keyfile]\nunmanaged-devices=interface-name:wlan0\n')).toEqual([]);
  });
});
