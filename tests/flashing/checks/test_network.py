"""Facts about the checks of what initrd flashing needs."""

import pytest

from thermedge.flashing.checks import network


def test_a_machine_that_is_set_up_passes(workstation):
    subject = workstation.subject()
    for check in (
        *(network.nfs, network.file_system, network.firewall, network.ipv6, network.services),
    ):
        assert check(subject) is None


def test_an_nfs_server_that_is_not_loaded_is_told(workstation):
    workstation.write("proc/filesystems", "\text4\n")
    found = network.nfs(workstation.subject())
    assert found.severity == "error"
    assert "modprobe nfsd" in found.remedy


def test_a_missing_rpc_pipefs_is_told(workstation):
    workstation.write("proc/self/mounts", "")
    assert "rpc_pipefs" in network.nfs(workstation.subject()).problem


def test_an_nfs_server_that_does_not_run_is_told(workstation):
    workstation.answer("systemctl is-active --quiet nfs-server", status=3)
    assert "systemctl start nfs-server" in network.nfs(workstation.subject()).remedy


def test_an_nfs_server_that_does_not_answer_is_told(workstation):
    workstation.answer("showmount -e localhost", 1, "clnt_create: RPC: Program not registered")
    assert "showmount" in network.nfs(workstation.subject()).problem


@pytest.mark.parametrize("kind", ["zfs", "overlayfs", "nfs"])
def test_a_file_system_that_cannot_be_exported_is_refused(workstation, kind):
    workstation.answer("stat -f", out=f"{kind}\n")
    found = network.file_system(workstation.subject())
    assert found.severity == "error"
    assert kind in found.problem


def test_an_active_ufw_is_told(workstation):
    workstation.answer("ufw status", out="Status: active\n\n22/tcp ALLOW Anywhere\n")
    found = network.firewall(workstation.subject())
    assert found.severity == "warning"
    assert found.remedy == "sudo ufw allow from fc00:1:1::/48"


@pytest.mark.parametrize(
    "status", ["Status: inactive\n", "Status: active\n\nAnywhere ALLOW fc00:1:1::/48\n"]
)
def test_a_ufw_that_lets_the_board_in_is_quiet(workstation, status):
    workstation.answer("ufw status", out=status)
    assert network.firewall(workstation.subject()) is None


NFT = """\
table inet filter {{
  chain input {{
    type filter hook input priority filter; policy {policy};
    {rule}
  }}
}}
"""


def test_an_nft_rule_set_that_drops_is_told(workstation):
    workstation.answer("nft list ruleset", out=NFT.format(policy="drop", rule=""))
    assert network.firewall(workstation.subject()).severity == "warning"


def test_an_nft_rule_set_that_lets_the_board_in_is_quiet(workstation):
    rule = "ip6 saddr fc00:1:1::/48 accept"
    workstation.answer("nft list ruleset", out=NFT.format(policy="drop", rule=rule))
    assert network.firewall(workstation.subject()) is None
    workstation.answer("nft list ruleset", out=NFT.format(policy="accept", rule=""))
    assert network.firewall(workstation.subject()) is None


def test_ip6tables_that_drop_are_told(workstation):
    workstation.answer("ip6tables -S INPUT", out="-P INPUT DROP\n")
    assert "ip6tables" in network.firewall(workstation.subject()).remedy


def test_ipv6_that_is_switched_off_is_told(workstation):
    workstation.write("proc/sys/net/ipv6/conf/all/disable_ipv6", "1\n")
    found = network.ipv6(workstation.subject())
    assert found.severity == "error"
    assert "sysctl" in found.remedy


def test_a_kernel_without_ipv6_is_told(workstation):
    (workstation.root / "proc/sys/net/ipv6/conf/all/disable_ipv6").unlink()
    assert "command line" in network.ipv6(workstation.subject()).remedy


@pytest.mark.parametrize("service", ["NetworkManager", "ModemManager", "udisks2"])
def test_a_service_that_grabs_the_board_is_told(workstation, service):
    workstation.answer(f"systemctl is-active --quiet {service}")
    found = network.services(workstation.subject())
    assert found.severity == "warning"
    assert f"systemctl stop {service}" in found.remedy


def test_nvidias_udev_rules_keep_services_off(workstation):
    workstation.answer("systemctl is-active --quiet NetworkManager")
    rule = 'ATTRS{idProduct}=="7035", ENV{NM_UNMANAGED}="1", ENV{UDISKS_IGNORE}="1"\n'
    workstation.write("etc/udev/rules.d/10-l4t-usb-msd.rules", rule)
    assert network.services(workstation.subject()) is None
