"""Components of a Backstage catalogue are services; what the configuration says of one stands above."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError

SHOP = """\
# two entities in one file
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: shop
  description: "---"
  annotations: {aiops/tier: "1", aiops/posture: growth, github.com/project-slug: a/b}
spec: {type: service, lifecycle: production, owner: "group:default/web-team"}
--- # a system is no service
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: sales}
spec: {owner: sales}
---
apiVersion: backstage.io/v1beta1
kind: Component
metadata: {name: bank}
spec: {type: service, lifecycle: deprecated, owner: core}
---
"""


def write(folder: Path, config: str, catalogue: str) -> Path:
    (folder / "catalog").mkdir(exist_ok=True)
    (folder / "catalog" / "catalog-info.yaml").write_text(catalogue)
    (folder / "aiops.yaml").write_text(config)
    return folder / "aiops.yaml"


@pytest.mark.parametrize("named", ["catalog", "catalog/catalog-info.yaml"])
def test_components_are_services(tmp_path: Path, named: str) -> None:
    services = load_settings(write(tmp_path, f"catalog: [{named}]\n", SHOP)).services
    assert list(services) == ["shop", "bank"]
    shop, bank = services["shop"], services["bank"]
    assert (shop.owner, shop.tier, shop.posture) == ("web-team", 1, "growth")
    assert (bank.owner, bank.tier, bank.posture) == ("core", None, "decline")
    assert shop.means("shop", {"service": "shop"})
    assert not bank.means("bank", {"service": "shop"})


def test_what_the_configuration_says_of_one_stands_and_comes_first(tmp_path: Path) -> None:
    config = 'catalog: [catalog]\nservices:\n  own: {owner: me}\n  bank: {posture: sustain, match: [\'ns="bank"\']}\n'
    services = load_settings(write(tmp_path, config, SHOP)).services
    assert list(services) == ["own", "bank", "shop"]
    assert (services["bank"].owner, services["bank"].posture) == ("core", "sustain")
    assert services["bank"].means("bank", {"ns": "bank"})
    assert services["own"].owner == "me"


def test_the_rest_of_the_settings_is_what_it_is_without_a_catalogue(tmp_path: Path) -> None:
    path = write(tmp_path, "catalog: [catalog]\nweb: {listen: '127.0.0.1:9999'}\n", SHOP)
    settings = load_settings(path, data_dir=tmp_path)
    assert (settings.web.listen, settings.listen_is_default, settings.data_dir) == ("127.0.0.1:9999", False, tmp_path)
    assert load_settings(None, data_dir=tmp_path).services == {}


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("name: shop", "name: sh op", "5:3: metadata.name: must be a name"),
        ("  name: shop\n", "", "4:1: metadata.name: must be a name"),
        ("name: bank", "name: shop", "17:12: metadata.name: shop is described twice"),
        ('aiops/tier: "1"', "aiops/tier: high", "7:17: metadata.annotations.aiops/tier: "),
        ("aiops/posture: growth", "aiops/posture: up", "7:34: metadata.annotations.aiops/posture: "),
        ("apiVersion: backstage.io/v1beta1", "apiVersion: v1", "15:1: document: is no entity of a Backstage catalogue"),
        ("metadata: {name: sales}", "metadata: {name: [sales}", "12:"),
        ("metadata: {name: sales}", "metadata: {name: a, name: b}", "12:21: metadata.name: "),
    ],
)
def test_a_mistake_is_told_where_it_stands_in_the_file(tmp_path: Path, old: str, new: str, where: str) -> None:
    assert old in SHOP
    path = write(tmp_path, "catalog: [catalog]\nroutes: [{receiver: nobody}]\n", SHOP.replace(old, new, 1))
    with pytest.raises(FileError) as refused:
        load_settings(path)
    told = [str(one) for one in refused.value.mistakes]
    assert any(one.startswith(f"{tmp_path / 'catalog' / 'catalog-info.yaml'}:{where}") for one in told), told
    assert any("routes[0].receiver" in one for one in told)  # and what else is wrong


def test_a_catalogue_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("catalog: [none.yaml]\n")
    with pytest.raises(FileError, match=r"none\.yaml:1:1: file: cannot be read"):
        load_settings(tmp_path / "aiops.yaml")
