"""Opens map layers in QGIS without a window, compares them with the expected tables, and draws them:
qgis_layers.py FOLDER EXPECTED
"""

import csv
import sys
from pathlib import Path

from qgis.core import (
    NULL,
    Qgis,
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

FOLDER, EXPECTED = Path(sys.argv[1]), Path(sys.argv[2])


def expected(name):
    with open(EXPECTED / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def layer(name, epsg):
    opened = QgsVectorLayer(str(FOLDER / name), name, "ogr")
    assert opened.isValid(), f"QGIS cannot open {name}"
    assert opened.crs().authid() == f"EPSG:{epsg}", opened.crs().authid()
    return opened


def check_users(name, epsg, date):
    """Every LAU is a valid polygon with its name, and has the users of the date or none."""
    opened = layer(name, epsg)
    features = list(opened.getFeatures())
    names = {feature["lau_id"]: feature["lau_name"] for feature in features}
    assert names == {row["lau_id"]: row["lau_name"] for row in expected("lau.csv")}, names
    assert all(f.geometry().isGeosValid() and f.geometry().area() > 0 for f in features)
    users = {f["lau_id"]: f["user_count"] for f in features if f["user_count"] != NULL}
    rows = expected("agg_users_per_lau_per_day.csv")
    assert users == {r["lau_id"]: int(r["user_count"]) for r in rows if r["date"] == date}, users
    return opened


def check_picture(opened):
    """The layer is drawn in the coordinates that it states."""
    settings = QgsMapSettings()
    settings.setLayers([opened])
    settings.setDestinationCrs(opened.crs())
    settings.setExtent(opened.extent())
    settings.setOutputSize(QSize(200, 200))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage()
    white = QColor("white").rgb()
    drawn = sum(picture.pixel(x, y) != white for x in range(200) for y in range(200))
    assert drawn > 4_000, f"only {drawn} of 40,000 pixels are drawn"


def check_cells():
    cells = layer("cells.gpkg", 4326)
    assert cells.featureCount() > 0
    assert all(feature.geometry().asPoint() for feature in cells.getFeatures())


application = QgsApplication([], False)
application.initQgis()
# no layer may outlive QGIS
check_picture(check_users("users.gpkg", 3035, "2024-10-02"))
check_picture(check_users("users.geojson", 4326, "2024-10-01"))
check_cells()
print(f"QGIS {Qgis.QGIS_VERSION} opens and draws GeoPackage and GeoJSON")
application.exitQgis()
