/**
 * The Chinese words of a log's report.
 */
import type { Meaning, ReplayWords } from './replay-words.ts';

const messages: ReplayWords['messages'] = {
  'option-in-flag-and-file': {
    means: '同一个选项既写在命令行又写在 daemon.json 中，daemon 拒绝启动。',
    remedy: '只保留一处。命令行参数常在 systemd 单元或其 drop-in 文件里。',
  },
  'config-key-unknown': {
    means: 'daemon.json 中有此版本不认识的键，daemon 拒绝启动。',
    remedy: '删除或改正该键；`bridgekeeper config --config-file FILE` 会指出行号。',
  },
  'options-exclude-each-other': {
    means: '两个选项不能同时使用，daemon 拒绝启动。',
    remedy: '去掉消息中提到的选项之一。',
  },
  'config-invalid': {
    means: 'daemon.json 无法读取，daemon 拒绝启动。',
    remedy: '`bridgekeeper config --config-file FILE` 会指出哪一行、为什么。',
  },
  'bridge-address-is-network-address': {
    means: '分给网桥的是网络地址本身，或已被占用，主机不能使用。',
    remedy: 'bip 要写主机地址：10.1.0.1/16，而不是 10.1.0.0/16。',
  },
  'no-free-subnet': {
    means: '所有地址池都与主机路由重叠或已用完（VPN 常占用整个 172.16.0.0/12）。',
    remedy: '设置 default-address-pools，或建网络时指定子网，或删除不用的网络。',
  },
  'subnet-overlaps': {
    means: '新网络的子网或网桥名与已有网络冲突。',
    remedy: '换一个子网或网桥名；`docker network inspect` 可看到已占用的。',
  },
  'no-free-address': {
    means: '该网络的地址已用完。',
    remedy: '删除容器，或新建子网或 ip-range 更大的网络。',
  },
  'bridge-address-differs': {
    means: '网桥上的地址与配置要求的不同。',
    remedy: '删除网桥上的地址，或让 bip、fixed-cidr 与之一致。',
  },
  'bridge-name-taken': {
    means: '一个不是网桥的接口占用了网桥名。',
    remedy: '改名或删除该接口，或换一个网桥名。',
  },
  'port-address-missing': {
    means: '要发布端口的地址主机上（还）没有。',
    remedy: '检查该地址，或在网络就绪之后再启动 daemon。',
  },
  'port-taken': {
    means: '主机端口已被其他容器或主机程序占用，容器无法启动。',
    remedy: '`ss -ltnup` 可看到谁在监听。换一个端口，或停掉该程序。',
  },
  'port-protocol-unsupported': {
    means: '内核或代理不支持该协议（SCTP 是内核模块）。',
    remedy: '加载模块，或改用其他协议发布端口。',
  },
  'proxy-not-found': {
    means: '在预期位置找不到 docker-proxy 程序。',
    remedy: '安装它，或设置 userland-proxy-path，或把 userland-proxy 设为 false。',
  },
  'port-failed': { means: '端口发布失败，原因见消息。', remedy: '查看消息中的原因。' },
  'no-port-without-proxy': {
    means: '没有用户态代理时，主机的 IPv6 地址无法通到只有 IPv4 的容器。',
    remedy: '给网络加上 IPv6，或把 userland-proxy 设为 true，或发布在 IPv4 地址上。',
  },
  'host-port-ignored': {
    means: '该网络是路由模式，不做地址转换：主机端口不起作用，容器自己的端口直接开放。',
  },
  'proxy-stopped': { means: 'docker-proxy 在 daemon 停止它之前已退出。关闭时这是正常的。' },
  'iptables-lock': {
    means: '另一个程序占用 iptables 锁太久，规则没有建立。',
    remedy: '找出频繁运行 iptables 的程序；重启 daemon。',
  },
  'iptables-chain-missing': {
    means: '规则需要的链或目标不存在：有人清空了防火墙，或缺少内核模块。',
    remedy: '重启 daemon 以重建链，并找出是谁清空的：防火墙服务或脚本。',
  },
  'iptables-table-missing': {
    means: '内核没有这个表：模块未加载，常见于升级内核后没有重启。',
    remedy: '加载 iptable_nat 或 ip6table_nat（或 nf_tables），或重启进入已安装的内核。',
  },
  'iptables-missing': {
    means: '没有 iptables 或 ip6tables 程序，规则不会建立。',
    remedy: '安装 iptables，或检查 daemon 的 PATH。',
  },
  'firewalld-zone-conflict': {
    means: '网桥在 firewalld 中属于 docker 以外的区域。',
    remedy: '移出该区域：`firewall-cmd --permanent --zone=ZONE --remove-interface=BRIDGE`，然后重新加载。',
  },
  'firewalld-reload-failed': {
    means: 'firewalld 重新加载后，Docker 的部分规则没能重建。',
    remedy: '重启 daemon，或补回缺少的规则。',
  },
  'firewalld-reloaded': { means: 'firewalld 重新加载会删除 Docker 的规则，daemon 已重新建立。' },
  'iptables-failed': {
    means: 'iptables 拒绝了一条命令，依赖该规则的功能不可用。',
    remedy: '消息末尾是 iptables 的原话。',
  },
  'nftables-nothing-to-delete': {
    means: 'daemon 查找 nftables 后端的表，没有找到。使用 iptables 时这是正常的。',
  },
  'nftables-missing': {
    means: '无法使用 nftables：缺少程序或库。',
    remedy: '安装 nftables，或把 firewall-backend 设为 iptables。',
  },
  'nftables-failed': {
    means: 'nftables 拒绝了一次修改，依赖它的功能不可用。',
    remedy: '消息末尾是 nftables 的原话。',
  },
  'forward-policy-drops-ports': {
    means: 'FORWARD 的默认策略是 DROP，没有 Docker 自己的规则就没有东西放行发往已发布端口的包。',
    remedy: '自己加规则放行，或让 daemon 建立规则。',
  },
  'forwarding-disabled': {
    means: '内核不转发数据包，容器到不了主机以外。',
    remedy: '把 ip-forward 设为 true，或设置 net.ipv4.ip_forward=1（net.ipv6.conf.all.forwarding=1）。',
  },
  'bridge-netfilter-missing': {
    means: '缺少 br_netfilter 模块或它被关闭，规则看不到同一网桥上容器之间的包。',
    remedy: '`modprobe br_netfilter`，并写入 /etc/modules-load.d。',
  },
  'kernel-lacks-link-type': {
    means: '内核无法创建这种接口。',
    remedy: '加载模块（ipvlan、macvlan、8021q、bridge、veth），或换用支持它的内核。',
  },
  'driver-missing': {
    means: '没有这个名字的网络驱动：既没有内建，也没有应答的插件。',
    remedy: '改正名字，启动插件，或换用有该驱动的版本（ipvlan 自 19.03 起）。',
  },
  'ipv6-route-failed': { means: '添加 IPv6 子网路由时网桥还没有启用。有容器之后内核会自己加上。' },
  'ipv6-disabled-in-kernel': {
    means: '内核关闭了 IPv6。',
    remedy: '去掉 ipv6.disable=1 或 disable_ipv6，或把 ipv6 和 ip6tables 设为 false。',
  },
  'local-routing-failed': {
    means: '无法设置 route_localnet；没有用户态代理时，环回地址上的端口需要它。',
    remedy: '把 userland-proxy 设为 true，或允许 daemon 写 /proc/sys。',
  },
  'module-not-loaded': { means: '内核模块加载失败。如果已内建或已加载，则没有问题。' },
  'conntrack-unavailable': {
    means: '无法清除已有的连接跟踪，UDP 可能仍发往已不存在的容器。',
    remedy: '加载 nf_conntrack_netlink。',
  },
  'bridge-port-unreadable': { means: 'daemon 在 /sys 中看不到网桥端口是否转发，改为等待 20 毫秒。' },
  'announcement-failed': { means: '新地址没能通告给邻居，记得旧主人的邻居会晚些才知道。' },
  'mac-changed': { means: '容器接口的 MAC 地址与之前不同。' },
  'live-restore-keeps-settings': {
    means:
      'daemon 不在时容器继续运行（live-restore），默认网络保持原样：daemon.json 中的 bip、ip-masq、icc、mtu 没有生效。',
    remedy: '要使其生效，先停掉默认网络上的所有容器，再重启 daemon。',
  },
  'stale-sandbox': { means: '上次 daemon 没有正常停止，留下了某个容器的网络，现在清除。' },
  'stale-endpoint': { means: '一个端点已不属于任何容器，现在清除。' },
  'stale-network': { means: '上一个 daemon 结束时网络只建了一半，现在清除。' },
  'endpoint-count-fixed': { means: '上次 daemon 没有正常停止，存储的端点数量有误，现已改正。' },
  'stored-endpoint-missing': { means: '某个容器的网络引用了已不在存储中的端点，清理时跳过它。' },
  'stored-network-missing': { means: '某个容器的网络引用了已不在存储中的网络，清理时跳过它。' },
  'restore-failed': { means: '一直在运行的容器，其端口或规则没能恢复。', remedy: '重启该容器。' },
  'endpoint-exists': {
    means: '同名端点还在，来自没有正常删除的容器。',
    remedy: '`docker network disconnect --force NETWORK NAME`。',
  },
  'network-in-use': {
    means: '网络上还有容器，不能删除。',
    remedy: '先断开它们：`docker network inspect NETWORK` 可列出。',
  },
  'live-restore-state-old': { means: '运行中的容器的状态来自旧版 containerd，没有转换。' },
  'no-nameserver-left': {
    means: '主机 resolv.conf 中只有环回地址的服务器，容器到不了，改用其他服务器。',
    remedy: '若那些服务器不可达，在 daemon.json 中设置 dns。',
  },
  'resolver-busy': {
    means: '容器同时发出的查询超出了 daemon 解析器的处理能力，部分查询被丢弃。',
    remedy: '找出查询过多的容器，让它缓存结果，或为它单独配一个缓存。',
  },
  'nameserver-unreachable': {
    means: '域名服务器不应答 daemon 的解析器，容器内无法解析域名。',
    remedy: '分别从容器网络和主机检查到该服务器的路径；设置 dns。',
  },
  'gateway-mode-refused': {
    means: '网关模式与该网络不符。',
    remedy: '建网络时加 --internal，或换一种模式。',
  },
  'default-network-failed': { means: '默认网络无法建立，daemon 不能启动。', remedy: '查看消息中的原因。' },
  'network-controller-failed': { means: '网络无法初始化，daemon 不能启动。', remedy: '查看消息中的原因。' },
} satisfies Readonly<Record<string, Meaning>>;

export const chinese: ReplayWords = {
  messages,
  phases: {
    options: '选项、监听',
    containerd: 'containerd',
    'graph-driver': '存储驱动',
    containers: '读取容器',
    firewall: '防火墙、网络',
    restore: '恢复端点',
    'default-bridge': '默认网桥',
    ready: '启动容器',
    running: '运行',
    reload: '重新加载配置',
    shutdown: '关闭',
  },
  columns: ['阶段', '行', '时刻', '用时', '命令数'],
  head: (starts, entries, engine) => `${entries} 条日志，${starts} 次启动，${engine}`,
  engine: (version, from) =>
    `引擎 ${version}${from === 'rules' ? ' 或相近版本（由链名推断）' : from === 'asked' ? '（按指定）' : ''}`,
  unknownEngine: '引擎版本未知',
  start: (number, line, state) => `第 ${number} 次启动，第 ${line} 行：${state}`,
  completed: '启动完成',
  failed: '未能启动',
  beginMissing: '开头不在日志中',
  liveRestore: 'live restore',
  commands: (host, container, nft, firewalld) =>
    [
      `主机上的 iptables 命令 ${host} 条`,
      ...(firewalld > 0 ? [`其中经 firewalld ${firewalld} 条`] : []),
      ...(container > 0 ? [`容器命名空间内（DNS）${container} 条`] : []),
      ...(nft > 0 ? [`nftables 修改 ${nft} 次`] : []),
    ].join('，'),
  noCommands: '日志中没有防火墙命令：只有 "debug": true 时 dockerd 才会记录。',
  noRules: 'daemon 没有建立规则：iptables=false，或还没有走到那一步。',
  unreadable: (count) => `${count} 条命令无法读懂。`,
  cut: '日志太长，后面的部分没有读。',
  settings: (turned, usual) => `从规则看出的设置：${turned}；与默认相同：${usual}`,
  none: '无',
  found: (count) => `有 ${count} 条规则或链在日志开始之前就已存在。`,
  vanished: (count) => `有 ${count} 条规则或链不是由日志中的命令删除的。`,
  refused: (text, line, why) => `第 ${line} 行：iptables 应当拒绝了 "${text}"：${why}`,
  means: '含义',
  remedy: '处理',
  line: (line, count) => (count === 1 ? `第 ${line} 行` : `第 ${line} 行起，共 ${count} 次`),
  others: (count) => `另有 ${count} 条警告或错误，不是已知的网络问题。`,
  thePlan: '计划',
  same: (expected) => `规则与 ${expected} 一致。`,
  differs: (expected) => `与 ${expected} 相比：`,
  missing: '缺少',
  extra: '多出',
  policy: (chain, expected, observed) => `${chain} 的默认策略是 ${observed}，应为 ${expected}`,
  chainMissing: (chain) => `没有链 ${chain}`,
  chainExtra: (chain) => `多出链 ${chain}`,
  misordered: (count) => `${count} 条规则在链中的位置不同`,
  requests: (missing, extra) => `个别容器的规则：缺少 ${missing} 条，多出 ${extra} 条`,
  decides: (setting, missing, extra) =>
    [
      ...(missing > 0 ? [`缺少的规则中有 ${missing} 条由 ${setting} 产生`] : []),
      ...(extra > 0 ? [`多出的规则中有 ${extra} 条由 ${setting} 产生`] : []),
    ].join('；'),
  lastSeen: (op, line) => `最后：第 ${line} 行 ${op}`,
  otherEngines: (log, other) => `引擎版本不同：${log} 与 ${other}。`,
  mayBeThere: '更早一次运行在本日志未清空的链里留下的规则，可能仍然存在。',
  more: (count) => `... 还有 ${count} 条`,
};
