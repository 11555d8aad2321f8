/**
 * What the causes mean that other programs on the host bring about: firewalls, network managers, other engines, resolvers. In: a
 * story. Out: text in Chinese, as in zh-causes.ts.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Story } from '../story.ts';
import { solid } from './layout.ts';
import { noMasquerade, noStart } from './zh-cause-words.ts';

export const programCauses = {
  'firewalld-reload-wiped-rules': (s) =>
    `${noMasquerade(s)}Docker 的规则丢失了 ${s.param('count')} 条（${s.param('table')} 表），而这台主机上运行着 firewalld：它在启动或重新加载时会清空 iptables 的表。` +
    'dockerd 没有收到它的信号时，不会重新创建规则。重启 Docker，或执行下面的命令，都可以恢复，但 firewalld 下次重新加载时可能再次丢失。',
  'nft-flush-ruleset': (s) =>
    `${noMasquerade(s)}Docker 的 ${s.param('tables')} 整表消失。iptables 从不删除表，因此是 nft 删除的：${solid('flush ruleset')} 会删除所有程序的表，nftables.service 每次加载配置文件都会执行它。` +
    `请让该文件只删除自己的表（${solid('destroy table inet NAME')}），然后重启 Docker。`,
  'engine-bug-overwrote-rules': (s) =>
    `部分网络的规则丢失了 ${s.param('count')} 条，其他网络的规则却还在。${s.param('engine')} 版本的 dockerd 配合 iptables-nft 有这个已知缺陷：后创建的网络会覆盖先前网络的规则。升级即可避免。缺少的规则是 ${solid(s.param('rule'))}`,
  'forward-policy-drop-hits-others': (s) =>
    `网桥 ${s.param('bridge')} 不属于 Docker，它后面的主机往外发的包被丢弃：filter/FORWARD 里没有规则放行，而 dockerd 在自己打开转发时把该链的默认策略设成了 DROP。没有这个策略，这些包是能通过的。`,
  'other-engine-blocked': (s) =>
    `网桥 ${s.param('bridge')} 属于另一个容器引擎，它的规则没有放行其容器所需的全部流量，其余的落到 filter/FORWARD 的默认策略上，而 Docker 把它设成了 DROP。`,
  'ip6tables-turned-on': (s) =>
    `网桥 ${s.param('bridge')} 不属于 Docker，它的 IPv6 包被丢弃：${s.param('engine')} 版本的 dockerd 默认管理 ip6tables（27.0 之前默认不管），并把那里 FORWARD 的默认策略设成了 DROP。`,
  'container-dns-rules-missing': (s) =>
    `容器 ${s.param('container')} 内部缺少 ${s.param('count')} 条把 ${solid('127.0.0.11:53')} 引到 Docker 解析器的规则，因此域名无法解析，而直接用 IP 地址是通的：${solid(s.param('rule'))}。这些规则由 dockerd 在连接容器时创建；如果内核缺少 iptables 在该命名空间里所需的功能，就创建不了。`,
  'loopback-resolver': (s) =>
    s.param('taken') === ''
      ? `${s.param('containers')} 会向 ${s.param('server')} 查询域名。在容器里这个地址是容器自己，不是主机，那里没有人应答。`
      : `主机自己的域名服务器都在回环地址上，容器访问不到，所以 dockerd 给 ${s.param('containers')} 配了公共服务器（${s.param('server')}）：内网域名在那里查不到；如果网络不允许访问外部 DNS，则什么都解析不了。`,
  'fallback-dns-blocked': (s) =>
    `dockerd 找不到容器可用的域名服务器，于是采用公共服务器（${s.param('server')}），而日志显示它们没有应答：网络很可能只允许查询自己的服务器。`,
  'networkd-manages-docker-links': (s) =>
    `按 ${s.param('file')} 中的 ${solid(s.param('entry'))}，systemd-networkd 会接管 ${s.param('links')}。如果它在运行，可能在几分钟后或容器启动时删掉 Docker 设置的地址，或把网卡从网桥上摘下。`,
  'networkmanager-manages-docker-links': (s) =>
    `按 ${s.param('file')} 中的 ${solid(s.param('entry'))}，NetworkManager 会接管 ${s.param('links')}。如果它在运行，会在新容器的网卡上尝试 DHCP，45 秒后失败，并把网卡从网桥上摘下。`,
  'firewalld-zone-conflict': (s) =>
    `firewalld 已经把网桥放进了某个区域，这个版本的 dockerd 视之为错误。${noStart(s)}`,
  'firewalld-zone-mismatch': (s) =>
    `网桥 ${s.param('bridge')} 在 firewalld 的 ${s.param('zone')} 区域，而 dockerd 会把自己的网桥放进 docker 区域。恢复网络时 dockerd 可能在此中途停下；该区域不放行的流量也会被拦下。`,
  'firewalld-strict-forward-ports': (s) =>
    `firewalld 开启了 StrictForwardPorts，只允许转发它自己配置的端口，因此拦下了 Docker 发布的端口：${solid(s.param('rule'))}。请在 firewalld 里也配置这些转发端口，或在 firewalld.conf 中设 ${solid('StrictForwardPorts=no')}。`,
  'two-engines': (s) =>
    `这台主机上还运行着另一个 dockerd：${solid(s.param('others'))}。两者都把 docker0、DOCKER 链和同样的网段当成自己的，会互相破坏。请卸载其中一个（常见的是 snap 版）。`,
  'mtu-not-on-user-networks': (s) =>
    `daemon 的 mtu 选项（${s.param('mtu')}）只对默认网络有效。${s.param('networks')} 的网桥 MTU 更大，因此它们的容器发出的大包可能丢失，而默认网络的容器没有问题。`,
  'address-pools-exhausted': (s) =>
    s.param('reason') !== ''
      ? noStart(s)
      : (s.param('full') === ''
          ? '日志显示 dockerd 曾经找不到空闲网段来创建网络，现在已经有了。'
          : `地址池的 ${s.param('pools')} 个网段都不可用：下一个没有指定网段的网络无法创建。`) +
        (s.param('routes') === ''
          ? `其中 ${s.param('networks')} 个已被现有网络占用。`
          : `主机的路由一次覆盖了多个网段：${s.param('routes')}。`),
} as const satisfies Partial<Record<Cause, (s: Story) => string>>;
