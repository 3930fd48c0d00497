"""The networks that the duels and the exchange of weights share, as one would write them in PyTorch."""
import torch
import torchvision
from torch import nn


class Cnn(nn.Module):
    """ByzFL's cnn_mnist."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class CifarResNet(nn.Module):
    """He et al. 2016, section 4.2, with projections where the sizes differ."""

    def __init__(self, depth=20, classes=10):
        super().__init__()
        block, blocks, width = torchvision.models.resnet.BasicBlock, (depth - 2) // 6, 16
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inplanes = width
        for stage in range(3):
            layers, planes = [], width << stage
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                down = None
                if stride != 1 or inplanes != planes:
                    down = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))
                layers.append(block(inplanes, planes, stride, down))
                inplanes = planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inplanes, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def resnet18_cifar(classes=10):
    """torchvision's ResNet-18 with the beginning that is usual for CIFAR."""
    net = torchvision.models.resnet18(num_classes=classes)
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net


NETS = {"cnn": (Cnn, (1, 28, 28)), "resnet20": (CifarResNet, (3, 32, 32)), "resnet18": (resnet18_cifar, (3, 32, 32))}
