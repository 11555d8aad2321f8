import { describe, expect, test } from 'vitest';
import { diagnosed, lacking } from '../../../test/support/diagnosed.ts';
import { healthy, incident, incidentFiles } from '../../../test/support/incident.ts';
import type { Diagnosis } from '../../diagnosis/finding.ts';
import { parseAddr } from '../../net/addr.ts';
import type { Catalogue } from './catalogue.ts';
import { doctorText } from './doctor.ts';
import { english } from './en.ts';
import { chinese } from './zh.ts';

const say = (diagnosis: Diagnosis, words: Catalogue, width = 100) =>
  doctorText(diagnosis, { words, width, paint: (_, text) => text });

describe('the incident', () => {
  test('in English', () => {
    expect(say(diagnosed(incident), english)).toBe(`\
✗ masquerade-disabled: 2 of 9 flows fail
  The packet leaves through the uplink (eth0) as 172.17.0.2, because nat/POSTROUTING has no rule for
  172.17.0.0/16; the outside has no way back to that address. There is none because ip-masq is false
  (daemon.json, line 2); with it true the daemon adds
  -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE

  because   ip-masq = false  (daemon.json, line 2)
  evidence  daemon.json:2  "ip-masq": false
  dies at   inet, route (reply): no route to 172.17.0.2
  repair    daemon.json line 2: "ip-masq": true, then restart dockerd
  or        # at once, until the rules are made anew
            iptables -t nat -I POSTROUTING 1 -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
            iptables -t nat -I DOCKER 1 -i docker0 -j RETURN
  proof     simulated with the repair: both flows work
            web ping 198.51.100.7      timeout -> ok
            web tcp 198.51.100.7:7777  timeout -> ok
  price     the repair lets nothing else through

1 finding; 2 of 9 flows fail
`);
  });

  test('in Chinese', () => {
    expect(say(diagnosed(incident), chinese)).toBe(`\
✗ masquerade-disabled: 9 条流中 2 条不通
  数据包从上联口（eth0）发出时源地址仍是 172.17.0.2，因为 nat/POSTROUTING 里没有针对 172.17.0.0/16
  的规则；外部没有回到该地址的路由，应答回不来。没有这条规则，是因为 ip-masq 的值是 false
  （daemon.json 第 2 行）；如果为 true，dockerd 会添加
  -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE

  原因  ip-masq = false  (daemon.json 第 2 行)
  证据  daemon.json:2  "ip-masq": false
  断在  inet, route（应答）: 没有到 172.17.0.2 的路由
  修复  daemon.json 第 2 行改为 "ip-masq": true，然后重启 dockerd
  或者  # 立即生效，规则重建后失效
        iptables -t nat -I POSTROUTING 1 -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
        iptables -t nat -I DOCKER 1 -i docker0 -j RETURN
  验证  按修复后的状态模拟：2 条流全部畅通
        web ping 198.51.100.7      超时 (timeout) -> 通 (ok)
        web tcp 198.51.100.7:7777  超时 (timeout) -> 通 (ok)
  代价  不会放行其他任何流

1 个发现；9 条流中 2 条不通
`);
  });

  test('keeps rules whole on a narrow terminal', () => {
    const text = say(diagnosed(incident), english, 40);
    expect(text).toContain('\n  -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n');
    expect(text).toContain('\n  The packet leaves through the uplink\n');
  });
});

test('a healthy host takes one line', () => {
  expect(say(diagnosed(healthy), english)).toBe('healthy: all 9 flows work\n');
  expect(say(diagnosed(healthy), chinese)).toBe('一切正常：9 条流全部畅通\n');
});

test('a rule that is not the engine’s is named, with the price of taking it away', () => {
  const save = incidentFiles(healthy).get('iptables-save.txt') ?? '';
  const files = { 'iptables-save.txt': save.replace('-A DOCKER-USER -j RETURN', '-A DOCKER-USER -j DROP') };
  const text = say(diagnosed({ ...healthy, files }), english);
  expect(text).toContain(
    "Rule 1 of filter/DOCKER-USER, which is not Docker's, stops the packet: -A DOCKER-USER -j DROP\n",
  );
  expect(text).toMatch(/ {2}dies at {3}host, filter\/DOCKER-USER \(request\): DROP\n/);
  // The summary has said the rule, so the evidence is its place.
  expect(text).toMatch(/ {2}evidence {2}iptables-save\.txt:16\n/);
  expect(text).toMatch(
    / {2}price {5}the repair also lets through 1 flow:\n {12}inet tcp 172\.17\.0\.2:80 {2}\(if the outside has a route there\)/,
  );
});

test('where the facts do not decide, the text says what is not known and what would tell', () => {
  const save = incidentFiles(healthy).get('iptables-save.txt') ?? '';
  const rule = '-A DOCKER-USER -m set --match-set blocked dst -j DROP\n-A DOCKER-USER -j RETURN';
  const files = { 'iptables-save.txt': save.replace('-A DOCKER-USER -j RETURN', rule) };
  const diagnosis = diagnosed({ ...healthy, files });
  expect(say(diagnosis, english)).toMatch(
    /not known of 3 flows:\n {2}web ping 198\.51\.100\.7 {6}unknown {2}either ok or timeout\n(?: {2}\w+ tcp .* either ok or timeout\n){2} {2}unknown {3}rule 1 of filter\/DOCKER-USER matches: members of ipset blocked {2}\(if so timeout, if not ok\)\n {2}decides {3}ipset list blocked\n\ncannot decide: \d of 9 flows unknown\n$/,
  );
  expect(say(diagnosis, chinese)).toContain(
    '未知  filter/DOCKER-USER 第 1 条规则是否匹配：ipset blocked 的成员',
  );
});

test('a host whose rules are not in the facts is not called healthy', () => {
  const diagnosis = lacking(diagnosed(healthy), { part: 'firewall', file: 'iptables-save.txt' });
  expect(say(diagnosis, english)).toBe(
    'not in the facts, and walks rest on it: firewall of host (iptables-save.txt)\n\ncannot decide: the facts are not complete\n',
  );
});

test('failures that nothing explains are listed with the place of death', () => {
  const flows = [{ from: 'web', kind: 'tcp', dst: parseAddr('198.51.100.7'), port: 9 }] as const;
  const text = say(diagnosed(healthy, { flows }), english);
  expect(text).toBe(`\
1 flow fails, and no change known here would heal it:
  web tcp 198.51.100.7:9  refused

no fault found: 0 of 1 flow work
`);
});

test('text from a bundle cannot steer the terminal', () => {
  const files = {
    'docker-network-inspect.json': undefined,
    'dockerd.log': 'failed \x1b[2J to start\n',
  };
  const text = say(diagnosed({ ...healthy, files }), english);
  expect(text).toContain('dockerd did not start: failed \\u{1b}[2J to start');
  expect(text).not.toContain('\x1b');
});
